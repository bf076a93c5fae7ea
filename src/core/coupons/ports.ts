// SPDX-License-Identifier: GPL-3.0-or-later
import type { Announced } from '../stock/announced-change.ts';
import type { Coupon, CouponWithHolders } from './coupon.ts';

/** A coupon to create. Times are RFC 3339. */
export type NewCoupon = {
  name: string;
  amount: number;
  opensAt: string | null;
  closesAt: string | null;
};

/** What to change. An absent member stays as it is; null removes the limit. */
export type CouponChange = {
  opensAt?: string | null | undefined;
  closesAt?: string | null | undefined;
  paused?: boolean | undefined;
};

/** Stock to add. The units are added once per batch id; another number of units under the same batch id is refused. */
export type StockAddition = {
  name: string;
  units: number;
  batchId: string;
  /** The announcement that the last attempt returned; undefined for the first attempt. */
  announcement: string | undefined;
};

/** Where coupons are stored. Every write is one transaction; a rejection is an `AppError` that states its effect. */
export type CouponStore = {
  createCoupon(
    coupon: NewCoupon & { batchId: string },
  ): Promise<CouponWithHolders | 'coupon_exists'>;
  changeCoupon(
    name: string,
    change: CouponChange,
  ): Promise<CouponWithHolders | 'coupon_not_found' | 'window_ends_before_it_begins'>;
  /** Adds units, or only announces that: see `makeAnnouncedChange`. */
  addStock(
    addition: StockAddition,
  ): Promise<
    | { coupon: CouponWithHolders; replayed: boolean }
    | Announced
    | 'coupon_not_found'
    | 'too_much'
    | 'idempotency_key_reused'
  >;
  /** Each from one snapshot: amount minus remaining is the number of claims. Unknown names are absent. */
  readCoupons(names: readonly string[]): Promise<Map<string, CouponWithHolders>>;
  /** In order of creation, after the coupon with the id `afterId` ('0' for the first page). */
  listCoupons(query: {
    afterId: string;
    limit: number;
  }): Promise<{ coupons: Coupon[]; more: boolean }>;
};
