// SPDX-License-Identifier: GPL-3.0-or-later
import type { ActedBy } from '../operator-log/operator-log.ts';
import type { SagaState } from '../sagas/saga.ts';

/**
 * The states of a claim. A claim of a coupon with `hold_seconds` begins `reserved`, any other one `confirmed`. A claim is
 * live until it is `released`.
 */
export const claimStates = ['reserved', 'confirmed', 'redeemed', 'released'] as const;

/** One of `claimStates`. */
export type ClaimState = (typeof claimStates)[number];

/** The reasons of a release that only the service itself gives. */
export const ownReasons = ['expired', 'saga'] as const;

/** One unit of a coupon, taken by one user. All times are RFC 3339, UTC: the database's clock under the coupon's lock. */
export type Claim = {
  claimId: string;
  couponName: string;
  userId: string;
  /** Where the claim stands in the coupon's order of claims, from 1. Never given twice. */
  position: number;
  claimedAt: string;
  state: ClaimState;
  /** When the hold ends; only while `reserved`, and never with a saga. */
  expiresAt?: string;
  /** Only after a `confirm`. */
  confirmedAt?: string;
  redeemedAt?: string;
  releasedAt?: string;
  /** Why it was released: `expired`, `saga`, or the text of the caller, 1 to 255 characters. */
  reason?: string;
  /** The saga that the claim is the first step of, and its state; absent where the coupon has none. */
  sagaId?: string;
  sagaState?: SagaState;
};

/** A request for one unit of a coupon for a user. Its texts are validated before it gets here. */
export type ClaimCommand = {
  couponName: string;
  userId: string;
  /** The client's name for this one intent; a repeat with the same key gets the same answer. */
  idempotencyKey: string | undefined;
  /** A new UUID, under which the claim is stored if it wins. */
  claimId: string;
  /** Present where the claim comes from the queue: the decision stores the final state of its ticket. */
  ticket?: { acceptedAtMs: number } | undefined;
  /** How long the caller waits for the decision of a claim that goes into the queue, in milliseconds. */
  waitMs?: number | undefined;
};

/**
 * An expected answer to a claim; SQL, metrics and docs use the same names. When several apply, the first of this list
 * wins: replayed (or claim_released, hold_expired), coupon_not_found, already_claimed, not_open, paused, closed, sold_out,
 * claim_limit_reached, claimed. So a user who holds a claim always learns of it, even after the sale. `claimed` and `replayed` are returned only after the commit.
 */
export type ClaimOutcome =
  | { outcome: 'claimed' | 'replayed'; claim: Claim }
  | { outcome: 'already_claimed'; claim: Claim }
  | { outcome: 'claim_released' | 'hold_expired'; claim: Claim }
  | { outcome: 'not_open'; opensAt: string; opensInSeconds: number }
  | { outcome: 'coupon_not_found' | 'paused' | 'closed' | 'sold_out' | 'claim_limit_reached' };

/**
 * The answer to a claim: its decision, or the ticket of a claim that waits in the queue for its decision. `isOfTicket`: the
 * claim has waited for the final state of its ticket.
 */
export type ClaimAnswer =
  | (ClaimOutcome & { isOfTicket?: true })
  | { outcome: 'accepted'; ticketId: string; isOfTicket?: false };

/** What a caller can do with a claim that exists. */
export type ClaimChange = 'confirm' | 'release' | 'redeem';

/** A request to confirm, release or redeem a claim. Its texts are validated before it gets here. */
export type ChangeClaimCommand = {
  change: ClaimChange;
  couponName: string;
  userId: string;
  /** The claim to change; undefined: the live claim of the user, else the last one. */
  claimId: string | undefined;
  /** Only for `redeem`: a repeat with the same key gets the same answer. */
  idempotencyKey: string | undefined;
  /** Only for `release`. */
  reason: string | undefined;
  /** Only for `release`: the user can never claim this coupon again. */
  isFinal: boolean;
  /** Whether the caller may release a claim that is confirmed, and make a release final, as operators may. */
  mayReleaseConfirmed: boolean;
  /**
   * The epoch of the claim's saga where that saga itself confirms or releases: the change is made only while the epoch
   * counts. Undefined for any other caller.
   */
  sagaEpoch?: string | undefined;
  by: ActedBy;
};

/**
 * An expected answer to a change of a claim. When several apply, the first of this list wins: coupon_not_found,
 * claim_not_found, claim_mismatch, saga_running, already_redeemed, forbidden, claim_released or hold_expired, not_confirmed.
 * `changed`, `unchanged` and `replayed` are returned only after the commit.
 */
export type ChangeClaimOutcome =
  | { outcome: 'changed' | 'unchanged' | 'replayed'; claim: Claim }
  | {
      outcome: 'already_redeemed' | 'claim_released' | 'hold_expired' | 'not_confirmed';
      claim: Claim;
    }
  /** The saga of the claim confirms or releases it. `undo_requested`: an operator has asked, and the saga undoes its steps. */
  | { outcome: 'saga_running' | 'undo_requested'; claim: Claim }
  /** The change comes from the saga itself, and another process advances it, or it goes another way by now. */
  | { outcome: 'saga_moved' }
  /** `claim` is the live claim of the user, `lastClaim` the last one that was released. */
  | { outcome: 'claim_mismatch'; claim: Claim | undefined; lastClaim: Claim | undefined }
  | { outcome: 'coupon_not_found' | 'claim_not_found' | 'forbidden' };
