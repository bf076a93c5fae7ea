// SPDX-License-Identifier: GPL-3.0-or-later
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../src/adapters/postgres/database.ts';
import { postgresStockViewReader } from '../../src/adapters/postgres/stock-view-reader.ts';
import { byTest } from '../support/by-test.ts';
import { openDatabase } from '../support/open-database.ts';
import { openStores, type Stores } from '../support/stores.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

describe('stock views from PostgreSQL', () => {
  let database: TestDatabase;
  let connections: Database;
  let stores: Stores;
  const read = async (...names: string[]) =>
    postgresStockViewReader(connections).readStockViews(names);
  const clockMs = async () => {
    const [row] = await database.query(
      'select extract(epoch from clock_timestamp())::double precision * 1000 as ms',
    );
    return (row as { ms: number }).ms;
  };

  beforeAll(async () => {
    database = await createTestDatabase();
    connections = openDatabase({ url: database.url });
    stores = openStores(database.url);
  });
  afterAll(async () => {
    await connections.close();
    await stores.close();
    await database.drop();
  });

  it('show what a read of the coupon shows, but its holders', async () => {
    await stores.createCoupon('plain', 5);
    await stores.createCoupon('archived', 7);
    await stores.decide('plain', ['ada', 'bob']);
    const change = {
      paused: true,
      archived: true,
      title: 'Grüße',
      closesAt: '2999-01-01T00:00:00Z',
    };
    await stores.coupons.changeCoupon('archived', change, byTest);
    const coupons = await stores.coupons.readCoupons(['plain', 'archived']);
    const views = await read('archived', 'plain', 'no such coupon');
    expect(views.size).toBe(2);
    for (const name of ['plain', 'archived']) {
      const { holders: _, ...coupon } = coupons.get(name) ?? { holders: [] };
      expect(views.get(name)?.coupon).toEqual(coupon);
    }
    expect(views.get('plain')?.coupon.remainingAmount).toBe(3);
  });

  it('have the time of the database at which their query arrived, the same for all of one query', async () => {
    await stores.createCoupon('one', 5);
    await stores.createCoupon('two', 5);
    const beforeMs = await clockMs();
    const views = await read('one', 'two');
    const afterMs = await clockMs();
    const atMs = views.get('one')?.atMs as number;
    expect(atMs).toBeGreaterThanOrEqual(beforeMs);
    expect(atMs).toBeLessThanOrEqual(afterMs);
    expect(views.get('two')?.atMs).toBe(atMs);
  });

  it('contain all that was committed before their time', async () => {
    await stores.createCoupon('busy', 1_000);
    const committed: { byMs: number; claims: number }[] = [];
    let isSelling = true;
    const selling = (async () => {
      for (let claims = 1; claims <= 100; claims += 1) {
        await stores.decide('busy', [`user-${claims}`]);
        committed.push({ byMs: await clockMs(), claims });
      }
      isSelling = false;
    })();
    const seen: { atMs: number; claims: number }[] = [];
    while (isSelling) {
      const view = (await read('busy')).get('busy');
      if (view === undefined) throw new Error('the coupon is gone');
      seen.push({ atMs: view.atMs, claims: 1_000 - view.coupon.remainingAmount });
    }
    await selling;
    expect(seen.length).toBeGreaterThan(2);
    for (const { atMs, claims } of seen) {
      const before = committed.filter(({ byMs }) => byMs <= atMs);
      expect(claims).toBeGreaterThanOrEqual(before.at(-1)?.claims ?? 0);
    }
  });
});
