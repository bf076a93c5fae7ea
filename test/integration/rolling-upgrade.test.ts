// SPDX-License-Identifier: GPL-3.0-or-later
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../src/adapters/system/ids.ts';
import { auditRecords } from '../support/audit.ts';
import { byTest } from '../support/by-test.ts';
import { migrateAsReleased } from '../support/released-migrations.ts';
import { openStores, type Stores } from '../support/stores.ts';
import {
  createEmptyDatabase,
  migrateDatabase,
  type TestDatabase,
} from '../support/test-database.ts';

/** The statements of the release before coupons could be archived, which its sessions have prepared. */
const previous = {
  create: `with created as (
      insert into coupons (name, amount, remaining_amount, opens_at, closes_at, ledger_seq, decided_at, created_at)
      values ($1::text, 5, 5, null, null, 1, clock_timestamp(), clock_timestamp())
      on conflict on constraint coupons_name_unique do nothing
      returning *
    ), granted as (
      insert into stock_ledger (coupon_id, seq, batch_id, kind, units, first_position, remaining_after, recorded_at)
      select id, 1, gen_random_uuid(), 'grant', amount, null, remaining_amount, created_at from created
    )
    select name, coupon_state(opens_at, closes_at, paused, decided_at) as state from created`,
  claim: `select outcome from claim_batch(
      gen_random_uuid(), $1::text, array[$2::text], array[gen_random_uuid()], array[null::text], true)`,
  claimMultiCoupon: `select place from claim_bundle(
      array[gen_random_uuid()], array[$1::text], array[$2::text], array[gen_random_uuid()], array[null::text])`,
  pause: `select state, coupon_holders_under_lock(id, 10) as holders
    from change_coupon($1::text, false, null, false, null, $2::boolean, 0)`,
  addStock: `select outcome, (coupon).state from add_stock_2($1::text, 1, gen_random_uuid(), null, 0)`,
  read: `select name, remaining_amount, closes_at, coupon_state(opens_at, closes_at, paused, now()) as state
    from coupons where require_primary() and name = any (array[$1::text])`,
};

let database: TestDatabase;
let session: pg.Client;
let stores: Stores;

const run = async (name: keyof typeof previous, ...values: unknown[]) =>
  (await session.query({ name, text: previous[name], values })).rows;

/** Uses every statement on a coupon that does not exist yet. */
async function useAll(coupon: string): Promise<void> {
  expect(await run('create', coupon)).toEqual([{ name: coupon, state: 'open' }]);
  expect(await run('claim', coupon, 'ada')).toEqual([{ outcome: 'claimed' }]);
  expect(await run('claimMultiCoupon', coupon, 'bob')).toEqual([{ place: 1 }]);
  expect(await run('pause', coupon, true)).toEqual([{ state: 'paused', holders: ['ada', 'bob'] }]);
  expect(await run('pause', coupon, false)).toMatchObject([{ state: 'open' }]);
  expect(await run('addStock', coupon)).toEqual([{ outcome: 'added', state: 'open' }]);
  expect(await run('read', coupon)).toMatchObject([{ remaining_amount: 4, closes_at: null }]);
}

beforeAll(async () => {
  database = await createEmptyDatabase();
  await database.query('create schema firstcome');
  await migrateAsReleased(database.url, '0007_read_holders_with_gaps');
  session = new pg.Client({ connectionString: database.url });
  await session.connect();
  await session.query('set search_path = firstcome');
  // Often enough that the session keeps generic plans.
  for (let time = 0; time < 7; time += 1) await useAll(`before ${time}`);
  await migrateDatabase(database.url);
  stores = openStores(database.url);
});

afterAll(async () => {
  await session.end();
  await stores.close();
  await database.drop();
});

describe('a session of the previous release that stays open during the upgrade', () => {
  it('goes on to create, claim, change, add and read, also the coupons from before', async () => {
    for (let time = 0; time < 7; time += 1) await useAll(`after ${time}`);
    expect(await run('claim', 'before 0', 'eve')).toEqual([{ outcome: 'claimed' }]);
    expect((await stores.coupons.readCoupons(['before 0'])).get('before 0')).toMatchObject({
      ...{ archived: false, remainingAmount: 3, holders: ['ada', 'bob', 'eve'] },
    });
    expect(await auditRecords(database.query)).toEqual([]);
  });

  it('refuses claims of a coupon that a newer process archives, and cannot open it', async () => {
    for (const name of ['before 1', 'after 1']) {
      await stores.coupons.changeCoupon(name, { archived: true }, byTest);
      expect(await run('claim', name, 'eve')).toEqual([{ outcome: 'closed' }]);
      expect(await run('claim', name, 'ada')).toEqual([{ outcome: 'already_claimed' }]);
      expect(await run('claimMultiCoupon', name, 'eve')).toEqual([]);
      expect(await run('read', name)).toMatchObject([{ state: 'closed' }]);
      expect(await run('addStock', name)).toEqual([{ outcome: 'added', state: 'closed' }]);
      expect(await run('pause', name, false)).toMatchObject([{ state: 'closed' }]);
      await expect(run('pause', name, true)).rejects.toMatchObject({
        constraint: 'coupons_archived_is_closed',
      });
      await stores.coupons.changeCoupon(name, { archived: false }, byTest);
      expect(await run('claim', name, 'eve')).toEqual([{ outcome: 'claimed' }]);
    }
    expect(await auditRecords(database.query)).toEqual([]);
  });

  it('adds stock once together with a newer process under one batch id', async () => {
    const addition = { name: 'after 2', units: 1, batchId: newId(), announcement: undefined };
    const add = `select outcome from add_stock_2($1, 1, $2, null, 0)`;
    expect(await stores.coupons.addStock(addition, byTest)).toMatchObject({ replayed: false });
    const again = await session.query(add, ['after 2', addition.batchId]);
    expect(again.rows).toEqual([{ outcome: 'replayed' }]);
  });
});
