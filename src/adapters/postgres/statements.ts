// SPDX-License-Identifier: GPL-3.0-or-later
import { readdirSync, readFileSync } from 'node:fs';

/** A statement, prepared on each connection that uses it. */
export type Statement = {
  name: string;
  text: string;
  rowMode?: 'array';
};

// Not its name as a text.
const callsRequireDurability = /(?<!')\brequire_durability\(\)/;

/** Whether the answer to the statement promises something, so that its commit must be durable enough. */
export function needsDurability({ text }: Statement): boolean {
  return callsRequireDurability.test(text);
}

const folder = new URL('./sql/', import.meta.url);

const statements = new Map<string, Statement>(
  readdirSync(folder).map((file) => {
    const name = file.replace(/\.sql$/, '');
    // A host's session may have prepared statements too; the prefix keeps the names apart.
    return [name, { name: `firstcome ${name}`, text: readFileSync(new URL(file, folder), 'utf8') }];
  }),
);

/** The same statement with rows as arrays, which cost less than objects when there are many rows. */
export function withArrayRows(plain: Statement): Statement {
  return { ...plain, rowMode: 'array' };
}

/** The statement in `sql/<name>.sql`. Modules call it when they load, so a missing file fails the start. */
export function statement(name: string): Statement {
  const found = statements.get(name);
  if (found === undefined) throw new Error(`there is no statement ${name}`);
  return found;
}
