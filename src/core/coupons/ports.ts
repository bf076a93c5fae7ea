// SPDX-License-Identifier: GPL-3.0-or-later
import type { ActedBy } from '../operator-log/operator-log.ts';
import type { Announced } from '../stock/announced-change.ts';
import type { Coupon, CouponState, CouponWithHolders } from './coupon.ts';

/** The texts of a coupon. An absent one is not set, or stays as it is; null removes it. */
export type CouponTexts = {
  /** Up to 120 characters. */
  title?: string | null | undefined;
  /** Up to 2,000 characters. */
  description?: string | null | undefined;
  /** 1 to 255 characters. */
  pauseReason?: string | null | undefined;
};

/** What is fixed when a coupon is created. An absent member has its default, as `couponDefaults` lists it. */
export type FixedMembers = {
  /** Seconds that a claim is reserved before it must be confirmed, 1 to 2,592,000; null: no holds. */
  holdSeconds?: number | null | undefined;
  /** Claims that one user can make in all, released ones included, 1 to 100. */
  claimsPerUserMax?: number | undefined;
  /** A name in `SAGAS_FILE`, with `holdSeconds`; null: none. */
  saga?: string | null | undefined;
  /** Units, 0 to 2,147,483,647; null: none. */
  stockLowAt?: number | null | undefined;
};

/** A coupon to create. Times are RFC 3339. */
export type NewCoupon = FixedMembers &
  CouponTexts & {
    name: string;
    amount: number;
    opensAt: string | null;
    closesAt: string | null;
  };

/** What to change. An absent member stays as it is; null removes the limit. */
export type CouponChange = CouponTexts & {
  opensAt?: string | null | undefined;
  closesAt?: string | null | undefined;
  paused?: boolean | undefined;
  archived?: boolean | undefined;
};

/** Stock to add. The units are added once per batch id; another number of units under the same batch id is refused. */
export type StockAddition = {
  name: string;
  units: number;
  batchId: string;
  /** The announcement that the last attempt returned; undefined for the first attempt. */
  announcement: string | undefined;
};

/** Which coupons a list returns, and where its page begins. */
export type CouponQuery = {
  /** The `next` of the page before; undefined for the first page. */
  cursor: string | undefined;
  limit: number;
  order: 'oldest' | 'newest';
  archived: boolean;
  /** Undefined: any. */
  state: CouponState | undefined;
  namePrefix: string | undefined;
};

/** A page of coupons. It may be empty and still have a `next`; the list ends where that is null. */
export type CouponPage = { coupons: Coupon[]; next: string | null };

/**
 * Where coupons are stored. Every write is one transaction, which also writes the operator log; a rejection is an
 * `AppError` that states its effect.
 */
export type CouponStore = {
  /** `not_finished`: a coupon with holds needs a database without the decision function of older releases. */
  createCoupon(
    coupon: NewCoupon & { batchId: string },
    by: ActedBy,
  ): Promise<CouponWithHolders | 'coupon_exists' | 'not_finished'>;
  changeCoupon(
    name: string,
    change: CouponChange,
    by: ActedBy,
  ): Promise<CouponWithHolders | 'coupon_not_found' | 'window_ends_before_it_begins'>;
  /** Adds units, or only announces that: see `makeAnnouncedChange`. */
  addStock(
    addition: StockAddition,
    by: ActedBy,
  ): Promise<
    | { coupon: CouponWithHolders; replayed: boolean }
    | Announced
    | 'coupon_not_found'
    | 'too_much'
    | 'idempotency_key_reused'
  >;
  /** Each from one snapshot: amount minus remaining is the number of claims not released. Unknown names are absent. */
  readCoupons(names: readonly string[]): Promise<Map<string, CouponWithHolders>>;
  /** A page in order of creation, or the reverse. It looks at no more than `walkMax` coupons. */
  listCoupons(query: CouponQuery & { walkMax: number }): Promise<CouponPage>;
};
