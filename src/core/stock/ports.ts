// SPDX-License-Identifier: GPL-3.0-or-later
import type { CouponState } from '../coupons/coupon.ts';

/**
 * A claim with the position that it was given, whatever became of it since. Its id shows that a database has the same
 * past: after a failover that has lost this claim, another one may have its position.
 */
export type GivenPosition = { position: number; claimId: string };

/** The stock of a coupon at one moment. */
export type StockSnapshot = {
  /**
   * The claim with the last position so far; null before the first. While it stays the same, no user becomes a holder.
   */
  lastClaim: GivenPosition | null;
  amount: number;
  remainingAmount: number;
  state: CouponState;
  /** A change that puts units back on sale is announced. It is made when all older snapshots have expired. */
  stockAnnounced: boolean;
  /** Milliseconds until the sale closes; null when it has no end. */
  closesInMs: number | null;
  /**
   * Milliseconds until the next hold can expire, at the earliest, and its unit can be claimed. Not above 0 when one may
   * have expired already; null without holds.
   */
  holdsExpireInMs: number | null;
};

/** Holders in order of position, and the claim of the last of them; undefined when there is none. */
export type HolderPage = { userIds: string[]; last: GivenPosition | undefined };

/** What the sold-out cache reads. Rejects with an `AppError` when the database cannot be read. */
export type SoldOutReader = {
  /** Each as of a moment after the call. Names of no coupon are absent. */
  readStock(names: readonly string[]): Promise<ReadonlyMap<string, StockSnapshot>>;
  /**
   * The holders after a claim, by default from the first one on, at most `limit`; positions may have gaps.
   * `unknown_claim`: the coupon has never had the claim `after`, as when a failover has lost it.
   */
  listHolders(query: {
    couponName: string;
    after: GivenPosition | undefined;
    limit: number;
  }): Promise<HolderPage | 'unknown_claim'>;
};
