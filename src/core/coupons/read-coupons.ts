// SPDX-License-Identifier: GPL-3.0-or-later
import type { ClaimStore } from '../claims/ports.ts';
import { SharedRead } from '../shared-read.ts';
import { type CouponWithHolders, couponNotFound } from './coupon.ts';
import type { CouponPage, CouponQuery, CouponStore } from './ports.ts';

/** Reads coupons. An unknown name is the fault `coupon_not_found`. */
export type ReadCoupons = {
  /** As of a moment after the call: readers share a query that starts after they have arrived. */
  read(name: string): Promise<CouponWithHolders>;
  /** Resolves if the coupon exists, as of a moment after the call. Reads its name only. */
  assertExists(name: string): Promise<void>;
  list(query: CouponQuery): Promise<CouponPage>;
};

// Each coupon may have a thousand holders: a few names per read keep the result of one query small.
const namesPerReadMax = 16;
const namesPerLookUpMax = 500;
// A page looks at no more coupons than this, however few of them match.
const walkMax = 10_000;

/** Reads coupons from stores. At most `readersMax` callers wait at the same time. */
export function readCouponsWith(
  store: Pick<CouponStore, 'readCoupons' | 'listCoupons'>,
  findCouponNames: ClaimStore['findCouponNames'],
  readersMax: number,
): ReadCoupons {
  const names = new SharedRead<true>({
    load: async (requested) => {
      const found = await findCouponNames(requested);
      return new Map([...found].map((name) => [name, true]));
    },
    keysMax: namesPerLookUpMax,
    readersMax,
  });
  const coupons = new SharedRead<CouponWithHolders>({
    load: (requested) => store.readCoupons(requested),
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
    list: (query) => store.listCoupons({ ...query, walkMax }),
  };
}
