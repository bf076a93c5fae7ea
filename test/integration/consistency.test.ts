// SPDX-License-Identifier: GPL-3.0-or-later
/** Each consistency rule on a violation of it, and the stock check on the same. */
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { consistencyRules } from '../../src/adapters/postgres/consistency-rules.ts';
import type { Database } from '../../src/adapters/postgres/database.ts';
import type { Statement } from '../../src/adapters/postgres/statements.ts';
import { postgresStockCheckReader } from '../../src/adapters/postgres/stock-check-reader.ts';
import { plantHolds } from '../support/planted-holds.ts';
import { plantSagaClaims } from '../support/planted-saga-claims.ts';
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
  await plantHolds(database.query, 'HELD');
  await plantSagaClaims(database.query, 'SAGA');
  await plantTickets();
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

/** A ticket that has won, and one that has expired. */
async function plantTickets(): Promise<void> {
  await database.query(
    `insert into tickets
       (claim_id, accepted_at, decided_at, outcome, coupon_id, user_id, position, claimed_at)
     select claim_id, claimed_at, claimed_at, 'claimed', coupon_id, user_id, position, claimed_at
     from claims where ${inOne} and position = 1`,
  );
  await database.query(
    `insert into tickets (claim_id, accepted_at, decided_at, outcome)
     values (gen_random_uuid(), now(), now(), 'ticket_expired')`,
  );
}

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
const inHeld = `coupon_id = (select id from coupons where name = 'HELD')`;
const inSaga = `coupon_id = (select id from coupons where name = 'SAGA')`;
const without = (table: string, ...constraints: string[]) =>
  constraints.map((name) => `alter table ${table} drop constraint ${name};`).join('');
const change = (seq: number, ...sets: string[]) =>
  `update stock_ledger set ${sets.join(', ')} where ${inHeld} and seq = ${seq};`;

/** A violation of each rule, and the other rules that it breaks as well. */
const violations: Record<string, { sql: string; breaksToo?: string[] }> = {
  'changes-have-a-ledger-row': { sql: change(3, `changed_positions = '{1,3}', changes = '{C,R}'`) },
  'claim-times-ascend': {
    // A redemption before the confirmation, also in the ledger.
    sql: `update claims set confirmed_at = confirmed_at + interval '1 second' where ${inHeld} and position = 1;
      update redemptions set redeemed_at = redeemed_at - interval '1 second' where ${inHeld};
      ${change(3, `changes = '{U,C,R}'`)} ${change(4, `changes = '{C}'`)}`,
  },
  'claims-have-a-coupon': {
    sql: `insert into claims (coupon_id, user_id, position, claim_id, claimed_at)
      values (4711, 'ada', 1, gen_random_uuid(), now())`,
    breaksToo: ['claims-have-a-ledger-row'],
  },
  'claims-have-a-ledger-row': {
    sql: `update claims set position = 9 where ${inOne} and position = 3`,
    breaksToo: ['ledger-positions-have-claims', 'positions-without-gaps'],
  },
  'claims-have-one-state': {
    sql: `update claims set confirmed_at = claimed_at + interval '1 second' where ${inHeld} and position = 5;
      ${change(4, `changed_positions = '{1,5}', changes = '{U,C}'`)}`,
  },
  'claims-match-stock': {
    sql: `delete from claims where ${inOne} and position = 2`,
    breaksToo: ['ledger-positions-have-claims', 'positions-without-gaps'],
  },
  'claims-of-a-user-take-turns': {
    sql: `update claims set user_id = 'bob' where ${inHeld} and position = 6`,
  },
  'expiry-position-passes-no-hold': {
    sql: `update coupons set expiry_position = 5 where name = 'HELD'`,
  },
  'holds-last-hold-seconds': {
    sql: `update claims set expires_at = expires_at + interval '1 second' where ${inHeld} and position = 5`,
  },
  'holds-of-sagas-have-no-end': {
    sql: `update claims set expires_at = claimed_at + interval '60 seconds' where ${inSaga} and position = 1`,
  },
  'ledger-adds-up': {
    sql: `update stock_ledger set remaining_after = 7 where ${inOne} and seq = 3`,
  },
  'ledger-changes-have-claims': {
    sql: change(4, `changed_positions = '{1,1}', changes = '{U,C}'`),
  },
  'ledger-complete': {
    sql: `update stock_ledger set seq = 9 where ${inOne} and seq = 4;
      update coupons set ledger_seq = 9 where name = 'ONE'`,
  },
  'ledger-ends-at-stock': {
    sql: `update stock_ledger set remaining_after = 6 where ${inOne} and seq = 4`,
    breaksToo: ['ledger-adds-up'],
  },
  'ledger-has-a-coupon': {
    sql: `insert into stock_ledger
        (coupon_id, seq, batch_id, kind, units, remaining_after, recorded_at)
      values (4711, 1, gen_random_uuid(), 'grant', 1, 1, now())`,
  },
  'ledger-offers-amount': {
    sql: `update stock_ledger set units = 11 where ${inOne} and seq = 1;
      update stock_ledger set remaining_after = 12 - seq where ${inOne};
      update coupons set remaining_amount = 8 where name = 'ONE'`,
    breaksToo: ['claims-match-stock'],
  },
  'ledger-positions-ascend': {
    sql: `${without('claims', 'claims_one_per_position')}
      update claims set position = 5 - position where ${inOne} and position > 1;
      update stock_ledger set first_position = 6 - seq where ${inOne} and seq > 2`,
  },
  'ledger-positions-have-claims': {
    sql: `update claims set position = 9 where ${inOne} and position = 1`,
    breaksToo: [
      'claims-have-a-ledger-row',
      'positions-without-gaps',
      'tickets-that-won-have-a-claim',
    ],
  },
  'ledger-returns-released': {
    sql: `${change(4, 'returned_units = 1', 'remaining_after = 7')}
      ${change(5, 'returned_units = 0')}`,
  },
  'ledger-returns-units': {
    sql: `update coupons set returned_units = 4 where name = 'HELD'`,
    breaksToo: ['released-match-returned-units'],
  },
  'ledger-times-ascend': {
    sql: `update stock_ledger set recorded_at = recorded_at + interval '1 hour'
      where ${inOne} and seq = 1`,
  },
  'one-claim-per-id': {
    sql: `update released_claims set claim_id = (select claim_id from claims where ${inHeld} and position = 7)
      where ${inHeld} and position = 3`,
  },
  'one-claim-per-position': {
    sql: `${without('claims', 'claims_one_per_position')}
      update claims set position = 1 where ${inOne} and position = 2`,
    breaksToo: ['ledger-positions-have-claims'],
  },
  'one-claim-per-user': {
    sql: `${without('claims', 'claims_one_per_user')}
      update claims set user_id = 'ada' where ${inOne} and user_id = 'bob'`,
    breaksToo: ['claims-of-a-user-take-turns'],
  },
  'positions-without-gaps': {
    sql: `update claims set position = position + 10 where ${inOne};
      update stock_ledger set first_position = first_position + 10 where ${inOne}`,
    breaksToo: ['tickets-that-won-have-a-claim'],
  },
  'redemptions-have-a-claim': {
    sql: `update redemptions set claim_id = gen_random_uuid() where ${inHeld}`,
  },
  'released-match-returned-units': {
    sql: `delete from released_claims where ${inHeld} and position = 3`,
    breaksToo: [
      'ledger-changes-have-claims',
      'ledger-positions-have-claims',
      'positions-without-gaps',
    ],
  },
  'sagas-go-one-way': {
    sql: `update sagas set is_undoing = true where ${inSaga} and position = 5`,
  },
  'sagas-have-a-claim': {
    sql: `update sagas set user_id = 'ada' where ${inSaga} and position = 2`,
  },
  'sagas-match-claims': {
    // A unit that is paid for, and whose saga is undone.
    sql: `update sagas set state = 'X', is_undoing = true, step = 0 where ${inSaga} and position = 5`,
  },
  'stock-within-amount': {
    sql: `${without('coupons', 'coupons_never_oversold', 'coupons_remaining_within_amount')}
      ${without('stock_ledger', 'stock_ledger_never_oversold')}
      update coupons set remaining_amount = -1 where name = 'ONE'`,
    breaksToo: ['claims-match-stock', 'ledger-ends-at-stock'],
  },
  'tickets-that-lost-have-no-claim': {
    sql: `update tickets set claim_id = (select claim_id from released_claims where ${inHeld} and position = 3)
      where outcome = 'ticket_expired'`,
  },
  'tickets-that-won-have-a-claim': {
    sql: `update tickets set position = 2 where outcome = 'claimed'`,
  },
};

/**
 * A round of the check takes pages along the indexes of ledger and claims. It leaves to constraints what these exclude, and
 * the history of one claim or one user to audits.
 */
const notChecked = [
  ...['claim-times-ascend', 'claims-have-one-state', 'claims-of-a-user-take-turns'],
  ...['expiry-position-passes-no-hold', 'holds-last-hold-seconds', 'ledger-times-ascend'],
  ...['one-claim-per-id', 'one-claim-per-user', 'redemptions-have-a-claim'],
  ...['tickets-that-lost-have-no-claim', 'tickets-that-won-have-a-claim'],
  'changes-have-a-ledger-row',
  ...['holds-of-sagas-have-no-end', 'sagas-go-one-way', 'sagas-have-a-claim', 'sagas-match-claims'],
];

it('no rule is broken by what the service has stored, and the stock check finds no difference', async () => {
  expect(await brokenRules()).toEqual([]);
  expect(await checkedDifferences()).toEqual([0, 0, 0]);
});

/** More ways to break a rule that names several. */
const others: [rule: string, sql: string][] = [
  // A claim without a saga that never ends, which is no hold either.
  [
    'holds-of-sagas-have-no-end',
    `update claims set expires_at = 'infinity' where ${inHeld} and position = 5`,
  ],
  [
    'holds-of-sagas-have-no-end',
    `update released_claims set reason = 'expired' where ${inSaga}; update stock_ledger set changes = '{U,E}' where ${inSaga} and seq = 4`,
  ],
  ...[5, 6, 8].map((position): [string, string] => [
    'sagas-match-claims',
    `update sagas set state = 'R', is_undoing = false, ended_at = null where ${inSaga} and position = ${position}`,
  ]),
  ...[5, 8].map((position): [string, string] => [
    'sagas-match-claims',
    `delete from sagas where ${inSaga} and position = ${position}`,
  ]),
  [
    'sagas-match-claims',
    `update sagas set state = 'D', ended_at = now() where ${inSaga} and position = 2`,
  ],
  [
    'sagas-match-claims',
    `update sagas set state = 'C', is_undoing = true, ended_at = null where ${inSaga} and position = 6`,
  ],
  ['sagas-match-claims', `update sagas set ended_at = now() where ${inSaga} and position = 8`],
  ['sagas-go-one-way', `update sagas set is_undoing = true where ${inSaga} and position = 2`],
  ['sagas-go-one-way', `update sagas set is_undoing = false where ${inSaga} and position = 3`],
  ['sagas-go-one-way', `update sagas set ended_at = now() where ${inSaga} and position = 3`],
  ['sagas-go-one-way', `update sagas set step = 1 where ${inSaga} and position = 8`],
  ['sagas-have-a-claim', `update sagas set position = 11 where ${inSaga} and position = 2`],
  ['sagas-have-a-claim', `update sagas set name = 'other' where ${inSaga} and position = 2`],
  ['sagas-have-a-claim', `update sagas set deadline_at = now() where ${inSaga} and position = 2`],
  ['tickets-that-lost-have-no-claim', `update tickets set outcome = 'sold_out' where position = 1`],
  [
    'tickets-that-won-have-a-claim',
    `update tickets set claim_id = gen_random_uuid() where position = 1`,
  ],
  ['tickets-that-won-have-a-claim', `update tickets set user_id = 'eve' where position = 1`],
  ['tickets-that-won-have-a-claim', `update tickets set claimed_at = now() where position = 1`],
];

it.each(others)('%s is broken by: %s', async (rule, sql) => {
  await session.query('begin');
  try {
    await session.query(sql);
    expect(await brokenRules()).toContain(rule);
  } finally {
    await session.query('rollback');
  }
});

it('a claim that an operator has ended as done is confirmed while its saga runs to its end', async () => {
  await session.query('begin');
  try {
    await session.query(`insert into saga_definitions values ('checkout', 'v1', '{"steps": [{}, {}]}');
      update sagas set state = 'R', is_undoing = false, step = 3 where ${inSaga} and position = 7`);
    expect(await brokenRules()).toEqual([]);
  } finally {
    await session.query('rollback');
  }
});

it('each rule has a violation here', () => {
  expect(Object.keys(violations)).toEqual(consistencyRules.map(({ name }) => name));
});

it.each(Object.entries(violations))(
  'a violation of %s breaks that rule, and no rule but those that follow from it',
  async (rule, { sql, breaksToo = [] }) => {
    await session.query('begin');
    try {
      await session.query(sql);
      expect(await brokenRules()).toEqual([rule, ...breaksToo].sort());
      for (const difference of await checkedDifferences()) {
        if (notChecked.includes(rule)) expect(difference).toBe(0);
        else expect(difference).toBeGreaterThan(0);
      }
    } finally {
      await session.query('rollback');
    }
  },
);
