// SPDX-License-Identifier: GPL-3.0-or-later
import { SharedRead } from '../shared-read.ts';
import { type Coupon, type CouponWithHolders, couponNotFound } from './coupon.ts';
import type { CouponStore } from './ports.ts';

/** Reads coupons. An unknown name is the fault `coupon_not_found`. */
export type ReadCoupons = {
  /** As of a moment after the call: readers share a query that starts after they arrived. */
  read(name: string): Promise<CouponWithHolders>;
  list(query: { afterId: string; limit: number }): Promise<{ coupons: Coupon[]; more: boolean }>;
};

// Each may come with a thousand holders; a few together keep one answer of the database small.
const namesPerReadMax = 16;

/** The use cases over a store. `readersMax` bounds those that wait at the same time. */
export function readCouponsWith(store: CouponStore, readersMax: number): ReadCoupons {
  const coupons = new SharedRead<CouponWithHolders>({
    load: (names) => store.readCoupons(names),
    keysMax: namesPerReadMax,
    readersMax,
  });
  return {
    async read(name) {
      const coupon = await coupons.read(name);
      if (coupon === undefined) throw couponNotFound();
      return coupon;
    },
    list: (query) => store.listCoupons(query),
  };
}
