// SPDX-License-Identifier: GPL-3.0-or-later
import type { Coupon, CouponWithHolders } from './coupon.ts';

/** A coupon to be created. Times are RFC 3339. */
export type NewCoupon = {
  name: string;
  amount: number;
  opensAt: string | null;
  closesAt: string | null;
};

/** What to change; what is left out stays as it is, null removes the limit. */
export type CouponChange = {
  opensAt?: string | null | undefined;
  closesAt?: string | null | undefined;
  paused?: boolean | undefined;
};

/** Stock to be added. A batch id adds its units once, and is refused for another number of units. */
export type StockAddition = {
  name: string;
  units: number;
  batchId: string;
  /** What an earlier call was answered with that could only announce this addition. */
  announcement: string | undefined;
};

/** Where coupons are kept. Every write is one transaction; a rejection is an `AppError` that tells its effect. */
export type CouponStore = {
  createCoupon(
    coupon: NewCoupon & { batchId: string },
  ): Promise<CouponWithHolders | 'coupon_exists'>;
  changeCoupon(
    name: string,
    change: CouponChange,
  ): Promise<CouponWithHolders | 'coupon_not_found' | 'window_ends_before_it_begins'>;
  /**
   * To a sold out coupon nothing is added before it was announced: the answer `announcement` is to be sent again once
   * `announcementWaitMs` have passed since it came. It may be answered with another one, which is to be waited for anew.
   */
  addStock(
    addition: StockAddition,
  ): Promise<
    | { coupon: CouponWithHolders; replayed: boolean }
    | { announcement: string }
    | 'coupon_not_found'
    | 'too_much'
    | 'idempotency_key_reused'
  >;
  /** Each from one snapshot: amount minus remaining is the number of claims. Unknown names are absent. */
  readCoupons(names: readonly string[]): Promise<Map<string, CouponWithHolders>>;
  /** In order of creation, behind the coupon with the id `afterId` ('0' for the first page). */
  listCoupons(query: {
    afterId: string;
    limit: number;
  }): Promise<{ coupons: Coupon[]; more: boolean }>;
};
