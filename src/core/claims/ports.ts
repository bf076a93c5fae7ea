// SPDX-License-Identifier: GPL-3.0-or-later
import type { CouponState } from '../coupons/coupon.ts';
import type { FieldError } from '../errors.ts';
import type { Claim, ClaimCommand } from './claim.ts';
import type { ClaimOutcome } from './claim-outcome.ts';

/** A claim on its way through the engine: the command, and the id it is stored under if it wins. */
export type ClaimAttempt = ClaimCommand & { claimId: string };

/** The claims that one transaction decides. The id makes the batch recognisable should its answer get lost. */
export type ClaimBatch = {
  batchId: string;
  couponName: string;
  /** In order of arrival, which is the order of decision. */
  attempts: readonly ClaimAttempt[];
};

/**
 * What became of a batch.
 * - `decided`: committed; one outcome for each attempt, in the same order.
 * - `refused`: nothing of it is stored, and nothing ever will be. `reason` tells whether it was not sent at all, gave
 *   up waiting for a lock or ran out of time (`busy`), holds a value that its caller can correct (`invalid`, with the
 *   `fields`), is refused by a rule of the database that no caller can keep (`refused`), or met a fault of ours
 *   (`broken`).
 * - `unknown`: it may have been committed, or may still be.
 */
export type BatchAnswer =
  | { kind: 'decided'; outcomes: ClaimOutcome[]; commitSeconds: number }
  | {
      kind: 'refused';
      reason: RefusalReason;
      cause: unknown;
      fields?: FieldError[];
      /** What to say to the caller, where the store knows more than the reason. */
      detail?: string;
    }
  | { kind: 'unknown'; cause: unknown };

/**
 * What became of a bundle, in one commit for all of it. `decided`: committed; for each batch the outcome of its claim,
 * or undefined where it was left undecided and nothing of it is stored. The other two are as for a batch.
 */
export type MultiCouponAnswer =
  | { kind: 'decided'; outcomes: (ClaimOutcome | undefined)[]; commitSeconds: number }
  | Exclude<BatchAnswer, { kind: 'decided' }>;

/** Why a batch was refused as a whole. */
export type RefusalReason = 'not_sent' | 'busy' | 'invalid' | 'refused' | 'broken';

/** Where claims are decided and stored. */
export type ClaimStore = {
  /** Decides a batch in one round trip and one commit. Never rejects; answers within the store's own time limit. */
  claimBatch(batch: ClaimBatch): Promise<BatchAnswer>;
  /**
   * Decides a bundle, which is batches of one claim each on different coupons, in one round trip and one commit. A
   * claim that does not simply win may be left undecided. Never rejects; answers within the store's own time limit.
   */
  claimMultiCoupon(batches: readonly ClaimBatch[]): Promise<MultiCouponAnswer>;
  /**
   * Settles a batch whose answer was lost. After it resolves the batch either had committed (`committed`) or never
   * will (`void`). Rejects when that could not be made sure; asking again is safe.
   */
  voidBatch(couponName: string, batchId: string): Promise<'committed' | 'void'>;
  /** Those of the names that are coupons now. */
  findCouponNames(names: readonly string[]): Promise<ReadonlySet<string>>;
};

/** How a coupon's stock is at one moment. */
export type StockSnapshot = {
  /** Differs whenever the stock has changed in between, or the coupon is another one of the same name. */
  version: string;
  amount: number;
  remainingAmount: number;
  state: CouponState;
  /** Somebody is about to add stock, and waits until no older look is believed any more. */
  stockAnnounced: boolean;
  /** Milliseconds until the sale closes; null when it has no end. */
  closesInMs: number | null;
};

/** What the memory of sold out coupons reads. Rejects with an `AppError` when the database cannot be read. */
export type SoldOutReader = {
  /** Each as of a moment after the call. Names of no coupon are absent. */
  readStock(names: readonly string[]): Promise<ReadonlyMap<string, StockSnapshot>>;
  /** The users behind `afterPosition`, in order of position, at most `limit`. */
  listHolders(query: {
    couponName: string;
    afterPosition: number;
    limit: number;
  }): Promise<string[]>;
};

/** A page of a coupon's claims, in order of position. */
export type ClaimPage = { claims: Claim[]; more: boolean };

/** Reads claims that are stored. */
export type ClaimReader = {
  /** The claim that a user holds; undefined when he holds none. */
  findClaim(couponName: string, userId: string): Promise<Claim | 'coupon_not_found' | undefined>;
  /** Claims behind `afterPosition`, at most `limit`. */
  listClaims(query: {
    couponName: string;
    afterPosition: number;
    limit: number;
  }): Promise<ClaimPage | 'coupon_not_found'>;
};

/** What the engine tells about its work. Called on the hot path: an implementation adds to a number and returns. */
export type ClaimMetrics = {
  /** An answer left the engine: an outcome, or the code of a fault, so many seconds after the claim came. */
  answered(outcome: string, seconds: number): void;
  /** A claim was refused at its arrival, for one of the reasons of `laneRefusals`. */
  shed(reason: string): void;
  batchDecided(batch: { size: number; commitSeconds: number }): void;
  /** A batch's answer was lost. */
  batchUnknown(): void;
  /** How a batch whose answer was lost was settled. */
  batchResolved(how: 'committed' | 'void'): void;
};

/** Where the engine reports what an operator should know: losses of the database and what was done about them. */
export type EngineLog = {
  warn(event: Record<string, unknown>, message: string): void;
};
