// SPDX-License-Identifier: GPL-3.0-or-later
import { readdirSync, readFileSync } from 'node:fs';

/** A statement as it is prepared on each connection that uses it. */
export type Statement = { name: string; text: string; rowMode?: 'array' };

const folder = new URL('./sql/', import.meta.url);

const statements = new Map<string, Statement>(
  readdirSync(folder).map((file) => {
    const name = file.replace(/\.sql$/, '');
    // A session may have been somebody else's before, with prepared statements of the same name.
    return [name, { name: `firstcome ${name}`, text: readFileSync(new URL(file, folder), 'utf8') }];
  }),
);

/** The same statement, whose rows come as arrays: for many rows, since an object a row costs more to make and to drop. */
export function withArrayRows(plain: Statement): Statement {
  return { ...plain, rowMode: 'array' };
}

/** The statement in `sql/<name>.sql`. Throws at start, not at the first use, when there is no such file. */
export function statement(name: string): Statement {
  const found = statements.get(name);
  if (found === undefined) throw new Error(`there is no statement ${name}`);
  return found;
}
