// SPDX-License-Identifier: GPL-3.0-or-later
import type { Participant, SagaDefinition } from '../../core/sagas/definition.ts';
import { type FileStep, toDefinition } from './definitions.ts';
import { findJsonFault } from './json-fault.ts';
import type { FoundSecret, SecretPlace } from './participant-secret.ts';
import { brokenRules, membersOf } from './saga-rules.ts';
import { placeOf, schemaMistakes } from './schema-mistakes.ts';

/** The sagas of a service and the services that they call, by name. */
export type Sagas = {
  definitions: ReadonlyMap<string, SagaDefinition>;
  participants: ReadonlyMap<string, Participant>;
};

/** The sagas; or every mistake, with its place in the file. */
export type ParsedSagas = ({ sagas: Sagas } | { mistakes: string[] }) & { warnings: string[] };

/** Finds the secret that a participant names; undefined where it names none. */
export type FindSecret = (place: SecretPlace) => FoundSecret | undefined;

/** The file after its check. */
type Content = {
  participants: Record<string, { url: string }>;
  sagas: Record<string, { steps: FileStep[] }>;
};

/** Reads and checks the text of `SAGAS_FILE`. */
export function parseSagas(text: string, findSecretOf: FindSecret): ParsedSagas {
  // Some editors write it at the beginning.
  const json = text.replace(/^\uFEFF/, '');
  const fault = findJsonFault(json);
  if (fault !== undefined) {
    const { line, column, reason } = fault;
    return { mistakes: [`line ${line}, column ${column}: ${reason}`], warnings: [] };
  }
  const content: unknown = JSON.parse(json);
  const { secrets, mistakes, warnings } = readSecrets(content, findSecretOf);
  const found = [...schemaMistakes(content), ...mistakes, ...brokenRules(content)];
  if (found.length > 0) return { mistakes: found, warnings };
  return { sagas: toSagas(content as Content, secrets), warnings };
}

type Secrets = ReadonlyMap<string, Participant['secret']>;

function toSagas({ participants, sagas }: Content, secrets: Secrets): Sagas {
  return {
    definitions: new Map(
      Object.entries(sagas).map(([name, { steps }]) => [name, toDefinition(name, steps)]),
    ),
    participants: new Map(
      [...secrets].map(([name, secret]) => {
        const url = participants[name]?.url ?? '';
        return [name, { name, url: url.replace(/\/+$/, ''), secret }];
      }),
    ),
  };
}

function readSecrets(content: unknown, findSecretOf: FindSecret) {
  const secrets = new Map<string, Participant['secret']>();
  const mistakes: string[] = [];
  const warnings: string[] = [];
  for (const [name, participant] of Object.entries(membersOf(membersOf(content).participants))) {
    const found = findSecretOf(membersOf(participant));
    const place = (member: string) => placeOf(['participants', name, member]);
    if (found === undefined) continue;
    if ('mistake' in found) {
      mistakes.push(`${place(found.member)} ${found.mistake}`);
      continue;
    }
    secrets.set(name, found.secret);
    if (found.warning) warnings.push(`${place('secret_file')} ${found.warning}`);
  }
  return { secrets, mistakes, warnings };
}
