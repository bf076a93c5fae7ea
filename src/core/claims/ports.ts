// SPDX-License-Identifier: GPL-3.0-or-later
import type { FieldError } from '../errors.ts';
import type { TicketProblem } from '../tickets/ticket.ts';
import type {
  ChangeClaimCommand,
  ChangeClaimOutcome,
  Claim,
  ClaimChange,
  ClaimCommand,
  ClaimOutcome,
  ClaimState,
} from './claim.ts';

/** A change of a claim as it is sent to the database: with the last announcement of this change, if there was one. */
export type SentChange = ChangeClaimCommand & { announcement: string | undefined };

/** A claim from the queue. Its decision stores the final state of its ticket. */
export type TicketedClaim = ClaimCommand & { ticket: NonNullable<ClaimCommand['ticket']> };

/** What a batch decides: a claim, or a change of one. */
export type BatchCommand = ClaimCommand | SentChange;

/** Whether a command of a batch is a claim with a ticket. */
export function hasTicket(command: BatchCommand): command is TicketedClaim {
  return !isChange(command) && command.ticket !== undefined;
}

/** Whether a command of a batch changes a claim that exists. */
export function isChange(command: BatchCommand): command is SentChange {
  return 'change' in command;
}

/** The claims and changes that one transaction decides. The id identifies the batch if its answer is lost. */
export type ClaimBatch = {
  batchId: string;
  couponName: string;
  /** In order of arrival, which is the order of decision. Either all are claims with tickets, or none is. */
  commands: readonly BatchCommand[];
};

/**
 * What the database answers to a change.
 * - `announced`: the change returns a unit to a sold-out coupon. Nothing is changed yet: after the wait for an announced
 *   change it is sent again with this announcement.
 * - `not_finished`: nothing is changed, since processes of an older release may still decide claims here.
 */
export type ChangeDecision =
  | ChangeClaimOutcome
  | { outcome: 'announced'; announcement: string }
  | { outcome: 'not_finished' };

/** What the database answers to a claim. `no_position`: the coupon has given out its last position. */
export type ClaimDecision = ClaimOutcome | { outcome: 'no_position' };

/**
 * What the database answers to a claim with a ticket: the outcome, decided now or stored before, or that the ticket has
 * ended without one.
 */
export type TicketDecision =
  | ClaimOutcome
  | { outcome: 'ticket_expired' }
  | { outcome: 'ticket_failed'; problem: TicketProblem };

/** The decision of one command of a batch. */
export type BatchOutcome = ClaimDecision | TicketDecision | ChangeDecision;

/**
 * What became of a batch.
 * - `decided`: committed; one outcome for each command, in the same order.
 * - `refused`: nothing of the batch is stored, and nothing ever will be.
 * - `unknown`: the answer was lost. The batch may have committed, or may still commit.
 */
export type BatchAnswer =
  | { kind: 'decided'; outcomes: BatchOutcome[]; commitSeconds: number }
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
 * What became of a multi-coupon batch, in one commit for all of it. `decided`: committed; for each batch the outcome of
 * its claim, or undefined where the claim was left undecided and nothing of it is stored. The other two are as for a
 * batch.
 */
export type MultiCouponAnswer =
  | { kind: 'decided'; outcomes: (ClaimOutcome | undefined)[]; commitSeconds: number }
  | Exclude<BatchAnswer, { kind: 'decided' }>;

/**
 * Why a batch was refused as a whole.
 * - `not_sent`: the database could not be reached.
 * - `busy`: the wait for a lock, or the statement, took too long.
 * - `invalid`: it holds a value that its caller can correct; the answer names the `fields`.
 * - `refused`: a rule of the database forbids it, and no caller can comply with it.
 * - `not_durable`: the database commits less durably than is required.
 * - `broken`: a defect of this program.
 */
export type RefusalReason = 'not_sent' | 'busy' | 'invalid' | 'refused' | 'not_durable' | 'broken';

/** A change that a batch has made, with the claim after it. The release of an expired hold is one of them. */
export type CommittedChange = { change: ClaimChange; claim: Claim };

/**
 * How a batch in doubt was resolved: a void mark now prevents that it ever commits, or it had committed. Then `changes` is
 * what it has changed, in order of position: a change that is among them is answered from here. Sent again, it could
 * change a newer claim of the user.
 */
export type BatchResolution =
  | { kind: 'void' }
  | { kind: 'committed'; changes: readonly CommittedChange[] };

/** Where claims and their changes are decided and stored. */
export type ClaimStore = {
  /** Decides a batch in one round trip and one commit. Never rejects; answers within the store's own time limit. */
  decideBatch(batch: ClaimBatch): Promise<BatchAnswer>;
  /**
   * Decides a multi-coupon batch, which is batches of one claim each on different coupons, in one round trip and one
   * commit. A claim that does not simply win may be left undecided. Never rejects; answers within the store's own time
   * limit.
   */
  claimMultiCoupon(batches: readonly ClaimBatch[]): Promise<MultiCouponAnswer>;
  /** Resolves a batch in doubt. Rejects when that failed; the call can be repeated safely. */
  resolveBatch(couponName: string, batchId: string): Promise<BatchResolution>;
  /** Returns those of the names that are coupons now. */
  findCouponNames(names: readonly string[]): Promise<ReadonlySet<string>>;
};

/** Which claims of a coupon a list returns. */
export type CouponClaimQuery = {
  couponName: string;
  afterPosition: number;
  limit: number;
  /** By default all but `released`; every state where one claim is named by its id or position. */
  states?: readonly ClaimState[] | undefined;
  /** Only the claim with this id. */
  claimId?: string | undefined;
  /** Only the claim at this position. */
  position?: number | undefined;
};

/**
 * A page of a coupon's claims, in order of position. `walkedTo` is there when the page ended at its limit of claims to look
 * at, and may be short or empty: the next page begins after this position, else after that of the last claim.
 */
export type ClaimPage = { claims: Claim[]; more: boolean; walkedTo?: number };

/** Whose claims a list returns, and where its page begins. */
export type UserClaimQuery = {
  userId: string;
  /** By default all but `released`. */
  states?: readonly ClaimState[] | undefined;
  /** The `next` of the page before; undefined for the first page. */
  cursor: string | undefined;
  limit: number;
};

/**
 * A page of a user's claims, in order of creation of their coupons, those of one coupon in order of position. It may be
 * empty and still have a `next`; the list ends where that is null.
 */
export type UserClaimPage = { claims: Claim[]; next: string | null };

/** Reads claims that are stored. */
export type ClaimReader = {
  /** The live claim of a user, else the last one that was released; undefined when the user has had none. */
  findClaim(couponName: string, userId: string): Promise<Claim | 'coupon_not_found' | undefined>;
  /** Looks for claims of a user on at most `walkMax` coupons, after that of `cursor`. */
  listUserClaims(query: UserClaimQuery & { walkMax: number }): Promise<UserClaimPage>;
  /** Claims behind `afterPosition`, at most `limit`. */
  listClaims(query: CouponClaimQuery): Promise<ClaimPage | 'coupon_not_found'>;
};

/** What the engine counts. Called on the hot path: an implementation adds to a number and returns. */
export type ClaimMetrics = {
  /**
   * A claim of this coupon was answered: its outcome, or the code of a fault, and the seconds since the claim arrived.
   * `isOfTicket`: with the final state of its ticket, which the process counts that has settled it.
   */
  answered(outcome: string, seconds: number, couponName: string, isOfTicket?: boolean): void;
  /** A claim, or a change of one, was refused on arrival; `reason` is a key of `admissionRefusals`. */
  shed(reason: string): void;
  batchDecided(batch: { size: number; commitSeconds: number }): void;
  /** The answer of a batch was lost. */
  batchUnknown(): void;
  /** A batch in doubt was resolved. */
  batchResolved(resolution: BatchResolution['kind']): void;
};

/** Counts the answers to changes of claims: the outcome, or the code of a fault. */
export type ClaimChangeMetrics = { changeAnswered(change: ClaimChange, outcome: string): void };

/**
 * Counts claims that an entrypoint refuses before they reach the engine, by their coupon where it is known. There is no time to
 * measure.
 */
export type EarlyRefusalMetrics = {
  refusedEarly(code: string, couponName?: string | undefined): void;
};

/** Where the engine reports what an operator should know: failures of the database, and how they were handled. */
export type EngineLog = {
  warn(event: Record<string, unknown>, message: string): void;
};
