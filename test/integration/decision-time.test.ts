// SPDX-License-Identifier: GPL-3.0-or-later
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../src/adapters/system/ids.ts';
import { auditRecords } from '../support/audit.ts';
import { byTest } from '../support/by-test.ts';
import { allCoupons, openStores, outcomesOf, type Stores } from '../support/stores.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

let database: TestDatabase;
let stores: Stores;

beforeAll(async () => {
  database = await createTestDatabase();
  stores = openStores(database.url);
});

afterAll(async () => {
  await stores.close();
  await database.drop();
});

const future = '2100-01-01T00:00:00Z';
const preciselyDecidedAt = async (name: string) => {
  const [row] = await database.query<{ at: string }>(
    'select decided_at::text as at from coupons where name = $1',
    [name],
  );
  return row?.at;
};
const decidedAt = async (name: string) => {
  const [row] = await database.query<{ at: string }>(
    `select to_char(decided_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as at
     from coupons where name = $1`,
    [name],
  );
  return row?.at;
};

/** Dates the last decision, so that the server's clock is now before it. */
const clockWasAt = (name: string, time: string) =>
  database.query('update coupons set decided_at = $2 where name = $1', [name, time]);

describe('the time of a decision', () => {
  it('never goes back: when the clock has stepped back, claims get the time of the last decision', async () => {
    await stores.createCoupon('back', 10);
    await clockWasAt('back', future);
    const answer = await stores.decide('back', ['ada']);
    const claimedAt = expect.stringMatching(/^2100-01-01T00:00:00(\.0+)?Z$/);
    expect(answer).toMatchObject({ outcomes: [{ claim: { claimedAt } }] });
    expect(await stores.reader.findClaim('back', 'ada')).toMatchObject({ claimedAt });
    expect(await decidedAt('back')).toBe(future);
    // Neither a change, nor stock, nor a void mark brings the time back.
    await stores.coupons.changeCoupon('back', { paused: false }, byTest);
    await stores.coupons.addStock(
      { name: 'back', units: 1, batchId: newId(), announcement: undefined },
      byTest,
    );
    await stores.claims.resolveBatch('back', newId());
    expect(await decidedAt('back')).toBe(future);
    expect(await auditRecords(database.query)).toEqual([]);
  });

  it('is the same for the whole batch, its ledger row and the coupon', async () => {
    await stores.createCoupon('one', 20);
    await stores.decide('one', ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'a']);
    const times = await database.query(
      `select distinct claimed_at from claims k join coupons c on c.id = k.coupon_id
       where c.name = 'one' union select recorded_at from stock_ledger l
       join coupons c on c.id = l.coupon_id where c.name = 'one' and kind = 'claimed'
       union select decided_at from coupons where name = 'one'`,
    );
    expect(times.length).toBe(1);
  });
});

describe('a sale', () => {
  it('that was seen open stays open when the clock steps back before its opening', async () => {
    await stores.createCoupon('opened', 1);
    await database.query(`update coupons set opens_at = $1 where name = 'opened'`, [
      '2090-01-01T00:00:00Z',
    ]);
    await clockWasAt('opened', future);
    expect(outcomesOf(await stores.decide('opened', ['ada']))).toEqual(['claimed']);
    expect(outcomesOf(await stores.decide('opened', ['eve']))).toEqual(['sold_out']);
    const coupons = await stores.coupons.readCoupons(['opened']);
    expect(coupons.get('opened')).toMatchObject({ state: 'open' });
    const list = await stores.coupons.listCoupons({ ...allCoupons, limit: 50 });
    expect(list.coupons.find(({ name }) => name === 'opened')).toMatchObject({ state: 'open' });
  });

  it('that was seen closed stays closed when the clock steps back before its end', async () => {
    await stores.createCoupon('ended', 5);
    await database.query(`update coupons set closes_at = $1 where name = 'ended'`, [
      '2090-01-01T00:00:00Z',
    ]);
    await clockWasAt('ended', future);
    expect(outcomesOf(await stores.decide('ended', ['ada']))).toEqual(['closed']);
  });

  it.each([
    ['closed', "closes_at = clock_timestamp() - interval '1 second'"],
    ['open', "opens_at = clock_timestamp() - interval '1 second'"],
  ])('stores that it was seen %s, also by a batch without a claim', async (_, set) => {
    const name = `latch ${set}`;
    await stores.createCoupon(name, 1);
    await stores.decide(name, ['ada']);
    await database.query(
      `update coupons set decided_at = clock_timestamp() - interval '1 hour', ${set}
       where name = $1`,
      [name],
    );
    const before = await preciselyDecidedAt(name);
    await stores.decide(name, ['eve']);
    const after = await preciselyDecidedAt(name);
    expect(after).not.toBe(before);
    // The state does not change again, so refusals write nothing.
    await stores.decide(name, ['eve']);
    expect(await preciselyDecidedAt(name)).toBe(after);
  });

  it('that an operator has changed is decided by the change from the next batch on', async () => {
    await stores.createCoupon('changed', 5);
    await stores.coupons.changeCoupon('changed', { paused: true }, byTest);
    expect(outcomesOf(await stores.decide('changed', ['ada']))).toEqual(['paused']);
    await stores.coupons.changeCoupon('changed', { paused: false, opensAt: future }, byTest);
    expect(outcomesOf(await stores.decide('changed', ['ada']))).toEqual(['not_open']);
    await stores.coupons.changeCoupon('changed', { opensAt: null }, byTest);
    expect(outcomesOf(await stores.decide('changed', ['ada']))).toEqual(['claimed']);
  });
});

describe('the constraints of the tables', () => {
  it.each([
    ['coupons_never_oversold', 'update coupons set remaining_amount = -1'],
    ['coupons_remaining_within_amount', 'update coupons set remaining_amount = amount + 1'],
    [
      'coupons_name_unique',
      `insert into coupons
      (name, amount, remaining_amount, ledger_seq, decided_at, created_at)
      select name, 1, 1, 1, now(), now() from coupons`,
    ],
    [
      'claims_one_per_user',
      `insert into claims (coupon_id, user_id, position, claim_id, claimed_at)
      select coupon_id, user_id, 9, gen_random_uuid(), now() from claims`,
    ],
    [
      'claims_one_per_position',
      `insert into claims (coupon_id, user_id, position, claim_id, claimed_at)
      select coupon_id, 'eve', position, gen_random_uuid(), now() from claims`,
    ],
    ['claims_position_at_least_one', 'update claims set position = 0'],
    ['claims_user_id_length', `update claims set user_id = ''`],
    [
      'stock_ledger_one_per_batch',
      `insert into stock_ledger
      select coupon_id, seq + 9, batch_id, kind, units, first_position, remaining_after, recorded_at
      from stock_ledger`,
    ],
    [
      'stock_ledger_primary_key',
      `insert into stock_ledger
      select coupon_id, seq, gen_random_uuid(), kind, units, first_position, remaining_after, recorded_at
      from stock_ledger`,
    ],
    ['stock_ledger_never_oversold', 'update stock_ledger set remaining_after = -1'],
    ['stock_ledger_matches_kind', `update stock_ledger set units = 0 where kind = 'claimed'`],
    ['coupons_window_order', `update coupons set opens_at = now(), closes_at = now()`],
  ])('%s refuses a row that the functions never write', async (constraint, sql) => {
    const alone = await createTestDatabase();
    const own = openStores(alone.url);
    try {
      await own.createCoupon('c', 5);
      await own.decide('c', ['ada']);
      await expect(alone.query(sql)).rejects.toMatchObject({ constraint });
    } finally {
      await own.close();
      await alone.drop();
    }
  });
});
