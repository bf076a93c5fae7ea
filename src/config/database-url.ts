// SPDX-License-Identifier: GPL-3.0-or-later
import { readFileSync } from 'node:fs';
import { type ConnectionTls, locationFrom } from '../core/connection-location.ts';
import {
  type ConnectionMistake,
  type ConnectionParameter,
  type GivenParameters,
  readConnectionUrl,
  writeConnectionUrl,
} from '../core/connection-url.ts';
import { reasonOf, shownPath } from './file-mistakes.ts';

/** The variables of libpq that give the parameters missing in the URL. */
const libpqVariables = {
  PGHOST: 'host',
  PGPORT: 'port',
  PGUSER: 'user',
  PGPASSWORD: 'password',
  PGDATABASE: 'dbname',
  PGSSLMODE: 'sslmode',
  PGSSLROOTCERT: 'sslrootcert',
  PGSSLCERT: 'sslcert',
  PGSSLKEY: 'sslkey',
  PGAPPNAME: 'application_name',
  PGOPTIONS: 'options',
} as const satisfies Record<string, ConnectionParameter>;

/** Their names. */
export const libpqVariableNames = Object.keys(libpqVariables);

/** A URL that is complete without the environment, and the mistakes in it. */
export type CompletedUrl = { url: string; mistakes: string[] };

/**
 * Completes a URL from the variables of libpq, as `psql` does, and checks the parameters and the files that they name. A
 * mistake calls the URL `label`.
 */
export function completeDatabaseUrl(
  text: string,
  env: NodeJS.ProcessEnv,
  label: string,
): CompletedUrl {
  const read = readConnectionUrl(text);
  if (read === undefined) return { url: text, mistakes: [] };
  const given = new Map(read.given);
  const variables = new Map<ConnectionParameter, string>();
  for (const [variable, parameter] of Object.entries(libpqVariables)) {
    const value = env[variable] || undefined;
    if (value === undefined || given.has(parameter)) continue;
    given.set(parameter, value);
    variables.set(parameter, variable);
  }
  const found = [...read.mistakes];
  const checked = locationFrom(given);
  if ('location' in checked) found.push(...unreadableFiles(given, checked.location.tls));
  else found.push(...checked.mistakes);
  const toText = ({ parameter, message }: ConnectionMistake) => {
    if (parameter === undefined) return `${label} ${message}`;
    return `${variables.get(parameter) ?? `${label}: ${parameter}`} ${message}`;
  };
  const url = variables.size === 0 ? text : writeConnectionUrl(given);
  return { url, mistakes: found.map(toText) };
}

function unreadableFiles(
  given: GivenParameters,
  tls: ConnectionTls | undefined,
): ConnectionMistake[] {
  const named = [tls?.authoritiesFile, tls?.certificate?.certFile, tls?.certificate?.keyFile];
  return (['sslrootcert', 'sslcert', 'sslkey'] as const).flatMap((parameter) => {
    const path = given.get(parameter);
    if (path === undefined || !named.includes(path)) return [];
    const reason = whyUnreadable(path);
    const message = `must name a file that can be read, but ${shownPath(path)} cannot: ${reason}`;
    return reason === undefined ? [] : [{ parameter, message }];
  });
}

function whyUnreadable(path: string): string | undefined {
  try {
    readFileSync(path);
    return undefined;
  } catch (error) {
    return reasonOf(error as Error);
  }
}
