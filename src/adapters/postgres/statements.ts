// SPDX-License-Identifier: GPL-3.0-or-later
import { readdirSync, readFileSync } from 'node:fs';

/** A statement as it is prepared on each connection that uses it. */
export type Statement = { name: string; text: string };

const folder = new URL('./sql/', import.meta.url);

const statements = new Map<string, Statement>(
  readdirSync(folder).map((file) => {
    const name = file.replace(/\.sql$/, '');
    return [name, { name, text: readFileSync(new URL(file, folder), 'utf8') }];
  }),
);

/** The statement in `sql/<name>.sql`. Throws at start, not at the first use, when there is no such file. */
export function statement(name: string): Statement {
  const found = statements.get(name);
  if (found === undefined) throw new Error(`there is no statement ${name}`);
  return found;
}
