// SPDX-License-Identifier: GPL-3.0-or-later
/** Each consistency rule on a violation of it, and the stock check on the same. */
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { consistencyRules } from '../../src/adapters/postgres/consistency-rules.ts';
import type { Database } from '../../src/adapters/postgres/database.ts';
import type { Statement } from '../../src/adapters/postgres/statements.ts';
import { postgresStockCheckReader } from '../../src/adapters/postgres/stock-check-reader.ts';
import { checkAll } from '../support/stock-check-round.ts';
import { openStores } from '../support/stores.ts';
import { createTestDatabase, schema, type TestDatabase } from '../support/test-database.ts';

let database: TestDatabase;
/** A session in which each violation is planted and rolled back. */
let session: pg.Client;

beforeAll(async () => {
  database = await createTestDatabase();
  const stores = openStores(database.url);
  for (const name of ['ONE', 'OTHER']) {
    await stores.createCoupon(name, 10);
    for (const user of ['ada', 'bob', 'eve']) await stores.decide(name, [user]);
  }
  await stores.close();
  session = new pg.Client({
    connectionString: database.url,
    options: `-c search_path=${schema} -c enable_seqscan=off`,
  });
  await session.connect();
});

afterAll(async () => {
  await session.end();
  await database.drop();
});

async function brokenRules(): Promise<string[]> {
  const broken: string[] = [];
  for (const { name, sql } of consistencyRules) {
    if ((await session.query(sql)).rows.length > 0) broken.push(name);
  }
  return broken;
}

/** The difference that a round of the stock check finds in the session, in pages of any size. */
async function checkedDifferences(): Promise<number[]> {
  const run = async ({ text }: Statement, values: unknown[]) =>
    (await session.query(text, values)).rows;
  const inSession = { run } as unknown as Database;
  const differences: number[] = [];
  for (const rows of [2, 3, 1000]) {
    const reader = postgresStockCheckReader(inSession, { coupons: 1, rows });
    differences.push((await checkAll(reader)).difference);
  }
  return differences;
}

const inOne = `coupon_id = (select id from coupons where name = 'ONE')`;
const without = (...constraints: string[]) =>
  constraints.map((name) => `alter table ${name.split('_')[0]} drop constraint ${name};`).join('');

const violations: Record<string, string> = {
  'claims-have-a-coupon': `insert into claims (coupon_id, user_id, position, claim_id, claimed_at)
    values (4711, 'ada', 1, gen_random_uuid(), now())`,
  'claims-have-a-ledger-row': `update claims set position = 9 where ${inOne} and position = 3`,
  'claims-match-stock': `delete from claims where ${inOne} and position = 2`,
  'ledger-adds-up': `update stock_ledger set remaining_after = 7 where ${inOne} and seq = 3`,
  'ledger-complete': `delete from stock_ledger where ${inOne} and seq = 2`,
  'ledger-ends-at-stock': `update coupons set remaining_amount = 6 where name = 'ONE'`,
  'ledger-has-a-coupon': `insert into stock_ledger
      (coupon_id, seq, batch_id, kind, units, remaining_after, recorded_at)
    values (4711, 1, gen_random_uuid(), 'grant', 1, 1, now())`,
  'ledger-offers-amount': `update coupons set amount = 11 where name = 'ONE'`,
  'ledger-positions-ascend': `update stock_ledger set first_position = 1 where ${inOne} and seq = 3`,
  'ledger-positions-have-claims': `update claims set position = 9 where ${inOne} and position = 1`,
  'ledger-times-ascend': `update stock_ledger set recorded_at = recorded_at - interval '1 hour'
    where ${inOne} and seq = 3`,
  'one-claim-per-id': 'update claims set claim_id = (select claim_id from claims limit 1)',
  'one-claim-per-position': `${without('claims_one_per_position')}
    update claims set position = 1 where ${inOne} and position = 2`,
  'one-claim-per-user': `${without('claims_one_per_user')}
    update claims set user_id = 'ada' where ${inOne} and user_id = 'bob'`,
  'positions-without-gaps': `update claims set position = position + 1 where ${inOne} and position = 3`,
  'stock-within-amount': `${without('coupons_never_oversold', 'coupons_remaining_within_amount')}
    update coupons set remaining_amount = -1 where name = 'ONE'`,
};

/** A round of the check takes pages along the indexes. It leaves to constraints what these exclude, and times to audits. */
const notChecked = ['ledger-times-ascend', 'one-claim-per-id', 'one-claim-per-user'];

it('no rule is broken by what the service has stored, and the stock check finds no difference', async () => {
  expect(await brokenRules()).toEqual([]);
  expect(await checkedDifferences()).toEqual([0, 0, 0]);
});

it('each rule has a violation here', () => {
  expect(Object.keys(violations)).toEqual(consistencyRules.map(({ name }) => name));
});

it.each(Object.entries(violations))('a violation of %s breaks that rule', async (rule, sql) => {
  await session.query('begin');
  try {
    await session.query(sql);
    expect(await brokenRules()).toContain(rule);
    for (const difference of await checkedDifferences()) {
      if (notChecked.includes(rule)) expect(difference).toBe(0);
      else expect(difference).toBeGreaterThan(0);
    }
  } finally {
    await session.query('rollback');
  }
});
