// SPDX-License-Identifier: GPL-3.0-or-later

/** One unit of a coupon, taken by one user. */
export type Claim = {
  claimId: string;
  couponName: string;
  userId: string;
  /** The place in the coupon's order, 1 to its amount. */
  position: number;
  /** RFC 3339, UTC: the database's clock, read under the coupon's lock. */
  claimedAt: string;
};

/** What a caller asks: one unit of this coupon for this user. The texts are checked before they get here. */
export type ClaimCommand = {
  couponName: string;
  userId: string;
  /** The client's name for this one intent; asking again with it gets the same answer. */
  idempotencyKey: string | undefined;
};
