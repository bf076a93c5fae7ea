// SPDX-License-Identifier: GPL-3.0-or-later
/** The rules of coupons and of ledger rows, and where the database checks them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { constraintMeanings } from '../../src/adapters/postgres/errors/constraints.ts';
import { openStores, type Stores } from '../support/stores.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

let database: TestDatabase;
let stores: Stores;

beforeAll(async () => {
  database = await createTestDatabase();
  stores = openStores(database.url);
  await stores.createCoupon('sale', 5);
});

afterAll(async () => {
  await stores.close();
  await database.drop();
});

/** Breaks each rule with the values next to those that it allows, and last with one that it allows. */
const rules: [constraint: string, refused: string[], allowed: string][] = [
  ['coupons_name_length', [`name = ''`, `name = repeat('n', 256)`], `name = repeat('n', 255)`],
  ['coupons_amount_at_least_one', ['amount = 0, remaining_amount = 0'], 'amount = 5'],
  [
    'coupons_window_order',
    [`opens_at = now(), closes_at = now()`],
    `opens_at = now(), closes_at = now() + interval '1 microsecond'`,
  ],
  [
    'coupons_hold_seconds_range',
    ['hold_seconds = 0', 'hold_seconds = 2592001'],
    'hold_seconds = 1',
  ],
  [
    'coupons_claims_per_user_range',
    ['claims_per_user_max = 0', 'claims_per_user_max = 101'],
    'claims_per_user_max = 100',
  ],
  [
    'coupons_saga_length',
    [`saga = '', hold_seconds = 1`, `saga = repeat('s', 65), hold_seconds = 1`],
    `saga = repeat('s', 64), hold_seconds = 1`,
  ],
  ['coupons_saga_needs_hold', [`saga = 's', hold_seconds = null`], `saga = null, hold_seconds = 1`],
  ['coupons_stock_low_at_least_zero', ['stock_low_at = -1'], 'stock_low_at = 0'],
  ['coupons_title_length', [`title = repeat('t', 121)`], `title = repeat('t', 120)`],
  [
    'coupons_description_length',
    [`description = repeat('d', 2001)`],
    `description = repeat('d', 2000)`,
  ],
  [
    'coupons_pause_reason_length',
    [`pause_reason = ''`, `pause_reason = repeat('p', 256)`],
    `pause_reason = repeat('p', 255)`,
  ],
  ['coupons_returned_units_at_least_zero', ['returned_units = -1'], 'returned_units = 0'],
  ['coupons_expiry_position_at_least_zero', ['expiry_position = -1'], 'expiry_position = 0'],
];

/** Undoes what the statements change. */
async function tried(...statements: string[]): Promise<unknown> {
  const sql = statements.map((statement) => `${statement};`).join(' ');
  return await database.query(`begin; ${sql} rollback;`).catch(async (error: unknown) => {
    await database.query('rollback');
    throw error;
  });
}

describe('the rules of the columns that a batch of claims does not write', () => {
  it.each(rules)(
    '%s refuses an update, as the constraint of its name',
    async (constraint, refused, allowed) => {
      for (const set of refused) {
        await expect(tried(`update coupons set ${set}`)).rejects.toMatchObject({
          ...{ code: '23514', constraint, table: 'coupons' },
        });
      }
      await tried(`update coupons set ${allowed}`);
      expect(constraintMeanings.has(constraint)).toBe(true);
    },
  );

  it('are checked of a new row too, and where the session applies replicated rows', async () => {
    const add = `insert into coupons (name, amount, remaining_amount, ledger_seq, decided_at, created_at)
      values ('', 1, 1, 1, now(), now())`;
    const refusal = { constraint: 'coupons_name_length' };
    await expect(tried(add)).rejects.toMatchObject(refusal);
    const replicate = 'set local session_replication_role = replica';
    await expect(tried(replicate, add)).rejects.toMatchObject(refusal);
    const update = `update coupons set name = ''`;
    await expect(tried(replicate, update)).rejects.toMatchObject(refusal);
  });
});

describe('the kinds of ledger rows', () => {
  const add = (columns: string, values: string) =>
    tried(
      `insert into stock_ledger (coupon_id, seq, batch_id, remaining_after, recorded_at, ${columns})
       values (1, 99, gen_random_uuid(), 0, now(), ${values})`,
    );
  const all = 'kind, units, first_position, returned_units, changed_positions, changes';

  it.each([
    ...["'claimed', 1, 1, null, null, null", "'grant', 1, null, null, null, null"],
    ...["'stock_added', 1, null, null, null, null", "'void', 0, null, null, null, null"],
    ...["'opened', 0, null, null, null, null", "'closed', 0, null, null, null, null"],
    ...["'mixed', 0, null, 0, '{}', '{}'", "'mixed', 1, 1, 1, '{1}', '{R}'"],
  ])('a ledger row with %s is stored', async (values) => {
    await add(all, values);
  });

  it.each([
    ...["'other', 1, null, null, null, null", "'claimed', 0, 1, null, null, null"],
    ...["'claimed', 1, null, null, null, null", "'claimed', 1, 1, 0, null, null"],
    ...["'claimed', 1, 1, null, '{}', null", "'claimed', 1, 1, null, null, '{}'"],
    ...["'grant', 0, null, null, null, null", "'grant', 1, 1, null, null, null"],
    ...["'stock_added', 0, null, null, null, null", "'stock_added', 1, null, 0, '{}', '{}'"],
    ...["'void', 1, null, null, null, null", "'void', 0, 1, null, null, null"],
    ...["'opened', 1, null, null, null, null", "'closed', -1, null, null, null, null"],
    ...["'mixed', -1, null, 0, '{}', '{}'", "'mixed', 0, 1, 0, '{}', '{}'"],
    ...["'mixed', 1, null, 0, '{}', '{}'", "'mixed', 0, null, 1, '{}', '{}'"],
    ...["'mixed', 0, null, -1, '{1}', '{R}'", "'mixed', 0, null, 0, '{1,2}', '{C}'"],
  ])('a ledger row with %s is refused', async (values) => {
    await expect(add(all, values)).rejects.toMatchObject({
      constraint: 'stock_ledger_matches_kind',
    });
  });
});

describe('the checks of the tables that a claim writes to', () => {
  // PostgreSQL reads the text of each of them for each statement: 20 more took half of the time of a lone claim.
  it.each([
    ['claims', ['claims_position_at_least_one', 'claims_user_id_length']],
    [
      'coupons',
      [
        ...['coupons_amount_at_least_one', 'coupons_ledger_seq_at_least_one'],
        ...['coupons_never_oversold', 'coupons_remaining_within_amount'],
      ],
    ],
    [
      'stock_ledger',
      ['stock_ledger_matches_kind', 'stock_ledger_never_oversold', 'stock_ledger_seq_at_least_one'],
    ],
  ])('a claim pays for these checks of %s only', async (table, names) => {
    const checks = await database.query<{ name: string }>(
      `select conname as name from pg_constraint
       where conrelid = $1::regclass and contype = 'c' order by conname collate "C"`,
      [table],
    );
    expect(checks.map(({ name }) => name)).toEqual(names);
  });
});
