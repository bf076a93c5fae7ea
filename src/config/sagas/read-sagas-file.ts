// SPDX-License-Identifier: GPL-3.0-or-later
import { reasonOf, shownPath } from '../file-mistakes.ts';
import { readSmallFile } from '../small-file.ts';
import { type ParsedSagas, parseSagas } from './parse-sagas.ts';
import { findSecret } from './participant-secret.ts';

const bytesMax = 262_144;
const none: ParsedSagas = {
  sagas: { definitions: new Map(), participants: new Map() },
  warnings: [],
};

/** Reads and checks the file that `SAGAS_FILE` names, and the secrets that it names. Without a file there are no sagas. */
export function readSagasFile(path: string | undefined, env: NodeJS.ProcessEnv): ParsedSagas {
  if (path === undefined) return none;
  let text: string;
  try {
    text = readSmallFile(path, bytesMax).text;
  } catch (error) {
    const reason = reasonOf(error as Error);
    const mistake = `SAGAS_FILE must name a file that can be read, but ${shownPath(path)} cannot: ${reason}`;
    return { mistakes: [mistake], warnings: [] };
  }
  const parsed = parseSagas(text, (place) => findSecret(place, env));
  const labelled = (lines: string[]) => lines.map((line) => `SAGAS_FILE: ${line}`);
  const warnings = labelled(parsed.warnings);
  return 'sagas' in parsed
    ? { ...parsed, warnings }
    : { mistakes: labelled(parsed.mistakes), warnings };
}
