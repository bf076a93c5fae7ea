// SPDX-License-Identifier: GPL-3.0-or-later
import type { ClaimStore } from '../claims/ports.ts';
import { SharedRead } from '../shared-read.ts';
import { type Coupon, type CouponWithHolders, couponNotFound } from './coupon.ts';
import type { CouponStore } from './ports.ts';

/** Reads coupons. An unknown name is the fault `coupon_not_found`. */
export type ReadCoupons = {
  /** As of a moment after the call: readers share a query that starts after they arrived. */
  read(name: string): Promise<CouponWithHolders>;
  /** Resolves when there is such a coupon, as of a moment after the call. Reads no more of it than its name. */
  assertExists(name: string): Promise<void>;
  list(query: { afterId: string; limit: number }): Promise<{ coupons: Coupon[]; more: boolean }>;
};

// Each may come with a thousand holders; a few together keep one answer of the database small.
const namesPerReadMax = 16;
const namesPerLookUpMax = 500;

/** The use cases over stores. `readersMax` bounds those that wait at the same time. */
export function readCouponsWith(
  store: Pick<CouponStore, 'readCoupons' | 'listCoupons'>,
  findCouponNames: ClaimStore['findCouponNames'],
  readersMax: number,
): ReadCoupons {
  const names = new SharedRead<true>({
    load: async (asked) => {
      const found = await findCouponNames(asked);
      return new Map([...found].map((name) => [name, true]));
    },
    keysMax: namesPerLookUpMax,
    readersMax,
  });
  const coupons = new SharedRead<CouponWithHolders>({
    load: (asked) => store.readCoupons(asked),
    keysMax: namesPerReadMax,
    readersMax,
  });
  return {
    async read(name) {
      const coupon = await coupons.read(name);
      if (coupon === undefined) throw couponNotFound();
      return coupon;
    },
    async assertExists(name) {
      if ((await names.read(name)) === undefined) throw couponNotFound();
    },
    list: (query) => store.listCoupons(query),
  };
}
