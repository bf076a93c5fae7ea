// SPDX-License-Identifier: GPL-3.0-or-later
/** The expiry sweep on prepared holds. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../src/adapters/postgres/database.ts';
import { postgresDutyLeases } from '../../src/adapters/postgres/duties/duty-leases.ts';
import { postgresExpirySweep } from '../../src/adapters/postgres/duties/expiry-sweep-store.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { newId } from '../../src/adapters/system/ids.ts';
import { ExpirySweep, type HoldCursor } from '../../src/core/duties/expiry-sweep.ts';
import type { Lease } from '../../src/core/duties/ports.ts';
import { range } from '../support/crowd.ts';
import { openDatabase } from '../support/open-database.ts';
import { openStores, type Stores } from '../support/stores.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

let database: TestDatabase;
let connections: Database;
let stores: Stores;
let lease: Lease;
/** Pages and slices so small that every sweep crosses the edges of some. */
const sizes = { coupons: 2, claims: 3, slice: 4 };

beforeAll(async () => {
  database = await createTestDatabase();
  connections = openDatabase(database, { lockTimeoutMs: 300 });
  stores = openStores(database.url);
  const acquired = await postgresDutyLeases(connections, 'shop/1').acquire('expiry_sweep');
  if (acquired === undefined) throw new Error('the lease is not free');
  lease = acquired;
  await database.query(`update duties set expires_at = 'infinity' where name = 'expiry_sweep'`);
});

afterAll(async () => {
  await Promise.all([connections.close(), stores.close()]);
  await database.drop();
});

/** What a claim is: a hold that is due or in time, or confirmed. */
type Planted = 'due' | 'open' | 'confirmed';

const expiryOf: Record<Planted, string> = {
  due: `now() - interval '2 seconds'`,
  open: `now() + interval '1 hour'`,
  confirmed: 'null',
};

/** A coupon with claims in order of position. */
async function plant(name: string, claims: Planted[]): Promise<string> {
  await stores.createCoupon(name, 1_000);
  await stores.decide(
    name,
    claims.map((_, index) => `user-${index}`),
  );
  const [row] = await database.query<{ id: string }>(
    `update coupons set hold_seconds = 60 where name = '${name}' returning id`,
  );
  for (const kind of ['due', 'open'] as const) {
    const positions = claims.flatMap((one, index) => (one === kind ? [index + 1] : []));
    await database.query(
      `update claims set expires_at = ${expiryOf[kind]}
       where coupon_id = ${row?.id} and position = any ($1)`,
      [positions],
    );
  }
  return row?.id ?? '';
}

/** How many of each there are now, what is left, and how far the walk has come. */
async function stateOf(id: string) {
  const [row] = await database.query(
    `select amount - remaining_amount as claims, returned_units::integer, expiry_position,
       (select count(*)::integer from claims where coupon_id = id) as stored,
       (select count(*)::integer from released_claims where coupon_id = id and reason = 'expired') as released
     from coupons where id = ${id}`,
  );
  return row;
}

const of = (kind: Planted, count: number) => range(count).map(() => kind);

/** Sweeps until the condition holds. */
async function sweepUntil(what: string, isDone: () => Promise<boolean>): Promise<ExpirySweep> {
  const store = postgresExpirySweep(connections, newId, sizes);
  const sweep = new ExpirySweep({
    ...{ store, clock: systemClock, warn: () => undefined, onReleased: () => undefined },
  });
  const end = sweep.begin(lease);
  await waitFor(what, isDone);
  await end();
  return sweep;
}

const isSwept = (id: string) => async () => (await stateOf(id))?.stored === 0;

describe('the expiry sweep', () => {
  it('releases all due holds of many coupons, and none that is in time or confirmed', async () => {
    const mixed = await plant('mixed', [
      ...of('confirmed', 9),
      ...of('due', 7),
      ...of('confirmed', 6),
      ...of('due', 2),
      ...of('open', 5),
    ]);
    const many = await Promise.all(range(7).map((index) => plant(`many-${index}`, ['due', 'due'])));
    const idle = await plant('in time', of('open', 3));
    await sweepUntil('due holds to be gone', async () => {
      const due = await database.query('select from claims where expires_at < now()');
      return due.length === 0;
    });
    expect(await stateOf(mixed)).toEqual({
      ...{ claims: 20, returned_units: 9, expiry_position: 24, stored: 20, released: 9 },
    });
    for (const id of many) {
      expect(await stateOf(id)).toMatchObject({ claims: 0, stored: 0, released: 2 });
    }
    expect(await stateOf(idle)).toMatchObject({ claims: 3, stored: 3, released: 0 });
  });

  it('walks past claims that are confirmed, also where it releases nothing', async () => {
    const id = await plant('confirmed', of('confirmed', 30));
    await sweepUntil('end of the walk', async () => (await stateOf(id))?.expiry_position === 30);
    expect(await stateOf(id)).toMatchObject({ stored: 30, released: 0 });
    const { due } = await postgresExpirySweep(connections, newId).findDue('0');
    expect(due.map(({ couponId }) => couponId)).not.toContain(id);
  });

  it('goes on with other coupons while one is locked, and then releases its holds too', async () => {
    const [locked, free] = [await plant('locked', of('due', 5)), await plant('free', of('due', 5))];
    const blocker = new pg.Client({ connectionString: database.url });
    await blocker.connect();
    try {
      await blocker.query('begin');
      await blocker.query(`select from firstcome.coupons where id = ${locked} for update`);
      await sweepUntil('holds of the free coupon to be gone', isSwept(free));
      expect(await stateOf(locked)).toMatchObject({ stored: 5, released: 0 });
    } finally {
      await blocker.end();
    }
    await sweepUntil('holds of the other coupon to be gone', isSwept(locked));
  });

  it('never locks more than one coupon that it waits for, so no coupon waits behind another', async () => {
    const ids = [await plant('held', of('due', 1)), await plant('second', of('due', 1))];
    const blocker = new pg.Client({ connectionString: database.url });
    await blocker.connect();
    try {
      await blocker.query('begin');
      await blocker.query(`select from firstcome.coupons where id = ${ids[0]} for update`);
      const swept = await postgresExpirySweep(connections, newId).sweep(lease, ids);
      expect(swept).toEqual([{ couponId: ids[1], released: 1, hasMore: false }]);
    } finally {
      await blocker.end();
    }
    await sweepUntil('holds to be gone', isSwept(ids[0] as string));
  });
});

it('a look returns for each due coupon how long its oldest hold is overdue', async () => {
  const id = await plant('overdue', ['due', 'due']);
  const { due } = await postgresExpirySweep(connections, newId).findDue('0');
  expect(due.map(({ couponId }) => couponId)).toEqual([id]);
  expect(due[0]?.overdueMs).toBeGreaterThanOrEqual(2_000);
  await sweepUntil('holds to be gone', isSwept(id));
});

it('the count finds each open hold once, in pages of any size', async () => {
  await plant('count 1', [...of('open', 8), 'confirmed', ...of('open', 3)]);
  await plant('count 2', []);
  await plant('count 3', of('open', 6));
  const [row] = await database.query<{ holds: number }>(
    'select count(expires_at)::integer as holds from claims',
  );
  for (const claims of [2, 3, 7, 1_000]) {
    for (const coupons of [2, 3, 1_000]) {
      const store = postgresExpirySweep(connections, newId, { ...sizes, claims, coupons });
      let from: HoldCursor | undefined = { couponId: '0', position: 0 };
      let holds = 0;
      for (let page = 0; from !== undefined && page < 1_000; page += 1) {
        const counted: Awaited<ReturnType<typeof store.countHolds>> = await store.countHolds(from);
        holds += counted.holds;
        from = counted.next;
      }
      expect({ holds, from }).toEqual({ holds: row?.holds, from: undefined });
    }
  }
});
