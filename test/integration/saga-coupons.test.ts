// SPDX-License-Identifier: GPL-3.0-or-later
/** The creation of coupons with a saga: the relay must have begun before them. */
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { openStores, type Stores } from '../support/stores.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';
import { createCouponWith } from '../support/webhooks.ts';

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

beforeEach(async () => {
  await database.query('truncate coupons, stock_ledger, event_relay');
});

const checkout = { amount: 5, holdSeconds: 60, saga: 'checkout' };

const relayBegun = async () => {
  const [row] = await database.query<{ started_at: Date }>('select started_at from event_relay');
  return row?.started_at;
};

it('a coupon with a saga begins the relay before its own times', async () => {
  await createCouponWith(stores, 'with a saga', checkout);
  expect(
    await database.query(
      `select c.saga, r.started_at <= c.created_at and r.started_at <= c.decided_at and r.started_at <= l.recorded_at
         as is_before
       from coupons c join stock_ledger l on l.coupon_id = c.id cross join event_relay r`,
    ),
  ).toEqual([{ saga: 'checkout', is_before: true }]);
});

it('a relay that has begun goes on as it is', async () => {
  await createCouponWith(stores, 'first', checkout);
  const begun = await relayBegun();
  await createCouponWith(stores, 'second', checkout);
  expect(await relayBegun()).toEqual(begun);
});

it('a coupon with a saga whose name is taken begins nothing', async () => {
  await createCouponWith(stores, 'taken', { amount: 5 });
  await holdingTheDuty(() => createCouponWith(stores, 'taken', checkout));
  expect(await relayBegun()).toBeUndefined();
  expect(await database.query('select saga from coupons')).toEqual([{ saga: null }]);
});

it('a coupon without a saga neither begins the relay nor waits for it', async () => {
  await holdingTheDuty(async () => {
    await createCouponWith(stores, 'plain', { amount: 5 });
    await createCouponWith(stores, 'with holds', { amount: 5, holdSeconds: 60 });
  });
  expect(await relayBegun()).toBeUndefined();
});

it('a coupon with a saga is created after the slice of the relay that is under way, and dated after it', async () => {
  let created: Promise<void> | undefined;
  let sliceEnds: Date | undefined;
  await holdingTheDuty(async (session) => {
    created = createCouponWith(stores, 'during a slice', checkout);
    await waitFor('wait for the slice', async () => {
      const waits = await database.query(
        `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      return waits.length >= 1;
    });
    const { rows } = await session.query<{ at: Date }>('select clock_timestamp() as at');
    sliceEnds = rows[0]?.at;
  });
  await created;
  const [coupon] = await database.query<{ created_at: Date }>('select created_at from coupons');
  for (const time of [coupon?.created_at, await relayBegun()]) {
    expect(time?.getTime()).toBeGreaterThanOrEqual(Number(sliceEnds?.getTime()));
  }
});

it('a coupon with a saga that is refused before the upgrade is finished begins nothing', async () => {
  await database.query(
    `create function claim_batch(uuid, text, text[], uuid[], text[], boolean) returns void language sql as 'select'`,
  );
  try {
    const coupon = { name: 'early', opensAt: null, closesAt: null, ...checkout };
    const batchId = '01947a5c-3e2f-7d10-8b6a-5f0c1d2e3f40';
    const by = { actor: 'cli', requestId: null } as const;
    expect(await stores.coupons.createCoupon({ ...coupon, batchId }, by)).toBe('not_finished');
    expect(await relayBegun()).toBeUndefined();
    expect(await database.query('select from coupons')).toEqual([]);
  } finally {
    await database.query('drop function claim_batch(uuid, text, text[], uuid[], text[], boolean)');
  }
});

/** Runs while a transaction holds the row of the relay's duty, as a slice of the relay does. */
async function holdingTheDuty(run: (session: pg.Client) => Promise<void>): Promise<void> {
  const session = new pg.Client({ connectionString: database.url });
  await session.connect();
  try {
    await session.query('begin');
    await session.query(`select from duties where name = 'event_relay' for update`);
    await run(session);
    await session.query('commit');
  } finally {
    await session.end();
  }
}
