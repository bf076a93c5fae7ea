// SPDX-License-Identifier: GPL-3.0-or-later
import { AppError } from '../errors.ts';

/** What a coupon's sale does with a claim: waits for its opening, takes it, or refuses it. */
export const couponStates = ['scheduled', 'open', 'paused', 'closed'] as const;

/** One of `couponStates`. Being sold out is no state: added stock ends it at any time. */
export type CouponState = (typeof couponStates)[number];

/** A named offer with a limited stock, as of one snapshot of the database. Times are RFC 3339, UTC. */
export type Coupon = {
  id: string;
  name: string;
  /** Units offered in all. */
  amount: number;
  /** Units not yet claimed; `amount` minus this is the number of claims. */
  remainingAmount: number;
  state: CouponState;
  opensAt: string | null;
  closesAt: string | null;
  paused: boolean;
};

/** A coupon with the users who hold it, in order of position: the first `holdersMax` of them. */
export type CouponWithHolders = Coupon & { holders: string[] };

/** How many holders a coupon shows by itself; the rest are read in pages. */
export const holdersMax = 1000;

/** The largest amount of a coupon: the range of the database's integer. */
export const amountMax = 2_147_483_647;

/** The fault for a name that is no coupon. */
export function couponNotFound(): AppError {
  return new AppError('coupon_not_found', { detail: 'there is no coupon of this name' });
}
