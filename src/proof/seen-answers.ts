// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * What the clients of a drill without a history saw. The drill counts it, and the audit compares it with the stored
 * tables. It shows less than a history: not when an answer arrived, and not which user was refused.
 */

/** A claim as an answer showed it, and the idempotency key of its request. */
export type SeenClaim = {
  claimId: string;
  position: number;
  claimedAt: string | undefined;
  key: string | undefined;
};

/** The answers to the claims of one coupon. */
export type SeenAnswers = {
  coupon: string;
  /** The amount of the coupon. */
  units: number;
  /** The acknowledged claims, by user. */
  claims: ReadonlyMap<string, SeenClaim>;
  /** The number of answers that refused a claim. */
  refusals: number;
  /** The users whose last request has no certain outcome; a claim of theirs may be stored. */
  undecided: ReadonlySet<string>;
  /** Answers that contradict an earlier answer to the same user. */
  contradictions: readonly string[];
  /** What each node returned for the coupon after the load; without an amount where the read failed. */
  reads: readonly { url: string; amount?: number; remainingAmount?: number }[];
};
