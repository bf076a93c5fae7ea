// SPDX-License-Identifier: GPL-3.0-or-later
import { readConnectionUrl, writeConnectionUrl } from '../core/connection-url.ts';

const shownParameters: readonly string[] = ['host', 'port', 'dbname', 'sslmode'];
const account: readonly string[] = ['user', 'password'];

/** The address in a connection URL and its encryption. The account and the other parameters may hold secrets. */
export function shownDatabaseUrl(url: string): string {
  const given = readConnectionUrl(url)?.given ?? new Map();
  const names = [...given.keys()];
  const shown = writeConnectionUrl(
    new Map([...given].filter(([name]) => shownParameters.includes(name))),
  );
  const hidden = names.some((name) => account.includes(name)) ? '[hidden]@' : '';
  const others = names.some((name) => ![...shownParameters, ...account].includes(name));
  const more = others ? `${shown.includes('?') ? '&' : '?'}[hidden]` : '';
  return `${shown.replace('://', `://${hidden}`)}${more}`;
}
