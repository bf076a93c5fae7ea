// SPDX-License-Identifier: GPL-3.0-or-later
import pg from 'pg';
import { StartError } from '../../../core/errors.ts';
import { statement } from '../statements.ts';

const findCouponSequence = statement('find-coupon-sequence');
const setCouponSequence = statement('set-coupon-sequence');

type SequenceRow = { next_id: string; used_id: string | null; remedy: string };

/**
 * Refuses a database whose sequence would give the next coupon an id in use. Throws a `StartError` that says what to
 * run.
 */
export async function assertSequence(client: pg.ClientBase): Promise<void> {
  const found = await client.query<{ statement: string }>(findCouponSequence.text);
  if (found.rows[0] === undefined) return;
  const { rows } = await client.query<SequenceRow>(found.rows[0].statement);
  if (rows[0] === undefined) return;
  const { next_id: nextId, used_id: usedId, remedy } = rows[0];
  if (usedId === null || BigInt(nextId) > BigInt(usedId)) return;
  // Each line fits into 80 columns behind the program's name.
  throw new StartError(
    `the sequence of coupons.id is behind its table: it gives ${nextId} next,\n` +
      `and ids up to ${usedId} are in use, so that coupons cannot be created\n` +
      `Run this in the database, and start again:\n  ${remedy}`,
  );
}

/** One line of SQL that moves the sequence past all ids in use; with the schema, if it is known. */
export function setSequenceSql(schema: string | undefined): string {
  const sql = setCouponSequence.text
    .replaceAll(/^--.*$/gm, '')
    .replaceAll(/\s+/g, ' ')
    .trim();
  const oneLine = `${sql.replaceAll('( ', '(').replaceAll(' )', ')')};`;
  if (schema === undefined) return oneLine;
  const name = /^[a-z_][a-z0-9_]*$/.test(schema) ? schema : pg.escapeIdentifier(schema);
  return oneLine.replaceAll(
    /\b(?=(?:coupons|claims|released_claims|redemptions|stock_ledger)\b)/g,
    () => `${name}.`,
  );
}
