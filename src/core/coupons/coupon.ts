// SPDX-License-Identifier: GPL-3.0-or-later
import { AppError } from '../errors.ts';

/** The states of a sale: it refuses claims until it opens, takes them, or refuses them. */
export const couponStates = ['scheduled', 'open', 'paused', 'closed'] as const;

/** One of `couponStates`. Sold out is not a state: stock can be added at any time. */
export type CouponState = (typeof couponStates)[number];

/** A named offer with a limited stock, as of one snapshot of the database. Times are RFC 3339, UTC. */
export type Coupon = {
  id: string;
  name: string;
  /** Units offered in all. */
  amount: number;
  /** Units that no claim holds. `claimCount` is the number of claims that follows from it. */
  remainingAmount: number;
  state: CouponState;
  opensAt: string | null;
  closesAt: string | null;
  paused: boolean;
  /** An archived coupon is closed, whatever its window and pause, and left out of lists. */
  archived: boolean;
  /** How long a hold of this coupon lasts; null: no holds, a claim is confirmed at once. */
  holdSeconds: number | null;
  /** How many claims one user can make in all, released ones included. Only one of them can be live. */
  claimsPerUserMax: number;
  /** The saga that each claim is the first step of, a name in `SAGAS_FILE`; null: none. */
  saga: string | null;
  /** The stock counts as low from this number of remaining units down; null: never. */
  stockLowAt: number | null;
  title: string | null;
  description: string | null;
  /** Why the sale is paused. It stays until an operator changes it. */
  pauseReason: string | null;
};

/** A coupon with the first `holdersMax` users who hold it, in order of position. */
export type CouponWithHolders = Coupon & { holders: string[] };

/** How many holders a coupon shows; the list of claims has all of them, in pages. */
export const holdersMax = 1000;

/** The largest amount of a coupon: the range of the database's integer. */
export const amountMax = 2_147_483_647;

/** What a new coupon has in place of a member that its creator leaves out. */
export const couponDefaults = {
  holdSeconds: null,
  claimsPerUserMax: 3,
  saga: null,
  stockLowAt: null,
  title: null,
  description: null,
  pauseReason: null,
} satisfies Partial<Coupon>;

/** The fault for a name that is no coupon. */
export function couponNotFound(): AppError {
  return new AppError('coupon_not_found', { detail: 'there is no coupon of this name' });
}
