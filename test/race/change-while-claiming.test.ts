// SPDX-License-Identifier: GPL-3.0-or-later
import { afterAll, beforeAll, expect, it } from 'vitest';
import { newId } from '../../src/adapters/system/ids.ts';
import type { CouponWithHolders } from '../../src/core/coupons/coupon.ts';
import type { ActedBy } from '../../src/core/operator-log/operator-log.ts';
import { holdCoupon } from '../support/contract-locks.ts';
import { openStores, outcomesOf, type Stores } from '../support/stores.ts';
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

const byOperator: ActedBy = { actor: 'admin', requestId: null };

const changes: Record<string, (name: string) => Promise<unknown>> = {
  pause: (name) => stores.coupons.changeCoupon(name, { paused: true }, byOperator),
  'added stock': (name) =>
    stores.coupons.addStock(
      { name, units: 5, batchId: newId(), announcement: undefined },
      byOperator,
    ),
};

it.each(Object.entries(changes))(
  'the answer to a change shows each holder of a claim that was decided before it, while it waited: %s',
  async (name, change) => {
    await stores.createCoupon(name, 10);
    await stores.decide(name, ['ada']);
    const held = await holdCoupon(database, name);
    try {
      const claim = stores.decide(name, ['bob']);
      await held.untilWaiting(1);
      const changed = change(name);
      await held.untilWaiting(2);
      await held.release();
      expect(outcomesOf(await claim)).toEqual(['claimed']);
      const result = (await changed) as CouponWithHolders | { coupon: CouponWithHolders };
      const coupon = 'coupon' in result ? result.coupon : result;
      expect(coupon.holders).toEqual(['ada', 'bob']);
      expect(coupon.amount - coupon.remainingAmount).toBe(coupon.holders.length);
    } finally {
      await held.release();
    }
  },
);
