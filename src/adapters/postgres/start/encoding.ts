// SPDX-License-Identifier: GPL-3.0-or-later
import type pg from 'pg';
import { StartError } from '../../../core/errors.ts';
import { statement } from '../statements.ts';

const readEncoding = statement('read-encoding');
const encodingNeeded = 'UTF8';

/** Refuses a database whose encoding cannot store every name. Throws a `StartError` that says what to do. */
export async function assertEncoding(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ encoding: string; database: string; creation: string }>(
    readEncoding.text,
  );
  const [found] = rows;
  if (found === undefined) throw new StartError('the database did not return its encoding');
  if (found.encoding === encodingNeeded) return;
  // Each line fits into 80 columns behind the program's name.
  throw new StartError(
    `the database ${found.database} has the encoding ${found.encoding};\n` +
      `firstcome needs ${encodingNeeded}, since names may hold any Unicode\n` +
      'Create another database, and use that one:\n' +
      `  ${found.creation.replace(' encoding', '\n    encoding')}`,
  );
}
