// SPDX-License-Identifier: GPL-3.0-or-later

/** One unit of a coupon, taken by one user. */
export type Claim = {
  claimId: string;
  couponName: string;
  userId: string;
  /** Where the claim stands in the coupon's order of claims, from 1. */
  position: number;
  /** RFC 3339, UTC: the database's clock, read under the coupon's lock. */
  claimedAt: string;
};

/** A request for one unit of a coupon for a user. Its texts are validated before it gets here. */
export type ClaimCommand = {
  couponName: string;
  userId: string;
  /** The client's name for this one intent; a repeat with the same key gets the same answer. */
  idempotencyKey: string | undefined;
  /** A new UUID, under which the claim is stored if it wins. */
  claimId: string;
};

/**
 * An expected answer to a claim; SQL, metrics and docs use the same names. When several apply, the first of this list
 * wins: replayed, coupon_not_found, already_claimed, not_open, paused, closed, sold_out, claimed. So a user who holds
 * a claim always learns of it, even after the sale. `claimed` and `replayed` are returned only after the commit.
 */
export type ClaimOutcome =
  | { outcome: 'claimed' | 'replayed' | 'already_claimed'; claim: Claim }
  | { outcome: 'not_open'; opensAt: string; opensInSeconds: number }
  | { outcome: 'coupon_not_found' | 'paused' | 'closed' | 'sold_out' };
