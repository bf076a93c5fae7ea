// SPDX-License-Identifier: GPL-3.0-or-later
import { detailOf } from '../errors.ts';
import { invariant } from '../invariant.ts';
import type { PendingClaim } from './pending-claim.ts';
import type {
  BatchAnswer,
  BatchOutcome,
  BatchResolution,
  ClaimBatch,
  RefusalReason,
} from './ports.ts';

// Follows a change within a few batches and forgives a single slow one.
const smoothing = 0.3;
// After so many claims refused alone and none decided in between, the database refuses every claim of this coupon.
const refusedInARowMax = 16;

/** A batch that was sent, with the claims that wait for its answer. */
export type SentBatch = ClaimBatch & { claims: readonly PendingClaim[] };

/**
 * What a lane does now.
 * - `idle`: no claim waits and no batch is under way.
 * - `ready`: claims wait, and the lane stands in the ready queue.
 * - `sending`: a batch was sent, and its answer is awaited.
 * - `in doubt`: the answer was lost; nothing is sent until the batch is resolved.
 */
export type LaneState =
  | { kind: 'idle' | 'ready' }
  | { kind: 'sending' | 'in doubt'; batch: SentBatch };

/** Is notified when a lane becomes ready or idle. */
export type LaneListener = { onReady(lane: ClaimLane): void; onIdle(lane: ClaimLane): void };

/**
 * The queue of one coupon in one process, whose claims commit together. While one batch is under way the claims of the
 * next one wait, so batches grow with the load, and a single claim is sent without delay.
 *
 * A lane keeps order and its own state; the scheduler decides when it sends.
 */
export class ClaimLane {
  readonly couponName: string;
  private readonly listener: LaneListener;
  private state: LaneState = { kind: 'idle' };
  /** Claims that were never sent, in order of arrival. */
  private newClaims: PendingClaim[] = [];
  /** Claims to be sent again. Each group becomes one batch, before any new claim. */
  private retryGroups: PendingClaim[][] = [];
  /** How long a batch of this lane takes, smoothed; 0 before the first. */
  private batchMs = 0;
  private lostInARowCount = 0;
  /** Claims of one batch that were refused alone, one after the other, with none decided in between. */
  private refusedInARow = 0;

  constructor(couponName: string, listener: LaneListener) {
    this.couponName = couponName;
    this.listener = listener;
  }

  get stateKind(): LaneState['kind'] {
    return this.state.kind;
  }

  /** The batch under way or in doubt. */
  get batch(): SentBatch | undefined {
    return 'batch' in this.state ? this.state.batch : undefined;
  }

  /** Claims that are not under way. */
  get waiting(): number {
    let count = this.newClaims.length;
    for (const group of this.retryGroups) count += group.length;
    return count;
  }

  /** Whether the next batch is a single new claim, which may go in a multi-coupon batch. */
  get canShareCommit(): boolean {
    return this.newClaims.length === 1 && this.retryGroups.length === 0;
  }

  /** Batches whose answers were lost, one after the other, with none decided in between. */
  get lostInARow(): number {
    return this.lostInARowCount;
  }

  /** How long a claim that arrives now waits for its answer, if each batch takes as long as the last ones. */
  expectedWaitMs(batchMax: number): number {
    // The rest of the batch under way counts as a whole batch; then those before this claim, and its own.
    return this.batchMs * (2 + Math.floor(this.waiting / batchMax));
  }

  /** When the oldest unanswered claim arrived, under way or not; undefined when there is none. */
  get oldestArrivedMs(): number | undefined {
    for (const claims of this.inOrder()) {
      for (const claim of claims) if (!claim.answered) return claim.arrivedMs;
    }
    return undefined;
  }

  add(claim: PendingClaim): void {
    this.newClaims.push(claim);
    if (this.state.kind === 'idle') this.becomeReady();
  }

  /**
   * Takes the next batch, at most `sizeMax` claims, without those that are answered already. Returns undefined, and the
   * lane is idle, when none is left.
   */
  takeBatch(newBatchId: () => string, sizeMax: number): SentBatch | undefined {
    invariant(this.state.kind === 'ready', 'only a ready lane sends a batch');
    const claims = this.takeUnanswered(sizeMax);
    if (claims === undefined) {
      this.becomeIdle();
      return undefined;
    }
    for (const claim of claims) claim.markSent();
    const batch = {
      batchId: newBatchId(),
      couponName: this.couponName,
      commands: claims.map(({ command }) => command),
      claims,
    };
    this.state = { kind: 'sending', batch };
    return batch;
  }

  /** Records how long the batch under way took. */
  batchTook(ms: number): void {
    this.batchMs = this.batchMs === 0 ? ms : this.batchMs + (ms - this.batchMs) * smoothing;
  }

  /** The batch is committed: answers each of its claims. */
  decide(outcomes: readonly BatchOutcome[]): void {
    const { claims } = this.batchIn('sending');
    invariant(outcomes.length === claims.length, 'one outcome for each claim of a batch');
    this.lostInARowCount = 0;
    this.refusedInARow = 0;
    claims.forEach((claim, index) => {
      const outcome = outcomes[index];
      invariant(outcome, 'an outcome for each claim');
      claim.decide(outcome);
    });
    this.endBatch();
  }

  /**
   * The batch is refused and stored nothing. One claim may be the cause: halving the batch finds it, and the others are
   * decided in their order.
   */
  refuse(answer: BatchAnswer & { kind: 'refused' }): void {
    const { claims } = this.batchIn('sending');
    for (const claim of claims) claim.markNotStored();
    const isByClaim = answer.reason === 'invalid' || answer.reason === 'refused';
    if (isByClaim && claims.length > 1 && this.refusedInARow < refusedInARowMax) {
      const half = claims.length >> 1;
      this.retryGroups.unshift(claims.slice(0, half), claims.slice(half));
    } else {
      if (isByClaim && claims.length === 1) this.refusedInARow += 1;
      failRefused(claims, answer);
    }
    this.endBatch();
  }

  /** A multi-coupon batch left this lane's claim undecided, with nothing of it stored: it is sent again, alone. */
  retryUndecided(): void {
    const { claims } = this.batchIn('sending');
    for (const claim of claims) claim.markNotStored();
    this.retryGroups.unshift([...claims]);
    this.endBatch();
  }

  /** The answer of the batch was lost: the lane sends nothing until the batch is resolved. */
  answerLost(): void {
    this.state = { kind: 'in doubt', batch: this.batchIn('sending') };
    this.lostInARowCount += 1;
  }

  /**
   * The batch in doubt is resolved: its claims are sent again with the same claim ids, before all others. A claim that
   * the batch had stored is recognised by its id; the others are decided like new ones.
   */
  batchResolved(resolution: BatchResolution): void {
    const { claims } = this.batchIn('in doubt');
    for (const claim of claims) claim.markResolved(resolution);
    this.retryGroups.unshift([...claims]);
    this.endBatch();
  }

  /** Refuses the claims that wait and cannot be stored, as when the database cannot be reached. */
  failUnsent(detail: string, cause: unknown): void {
    for (const claims of [...this.retryGroups, this.newClaims]) {
      for (const claim of claims) if (!claim.maybeStored) claim.fail('unavailable', detail, cause);
    }
    this.dropAnswered();
  }

  /** Answers the claims that arrived before `arrivedBeforeMs`: refused, or unknown if they may be stored. */
  expire(arrivedBeforeMs: number): void {
    for (const claims of this.inOrder()) {
      for (const claim of claims) {
        if (claim.arrivedMs >= arrivedBeforeMs) break;
        claim.fail('overloaded', 'the claim waited too long for its turn');
      }
    }
    this.dropAnswered();
  }

  /** Answers every claim that is left when the time to drain is over. */
  abandon(): void {
    for (const claims of this.inOrder()) {
      for (const claim of claims) claim.fail('unavailable', 'the service is stopping');
    }
    this.dropAnswered();
  }

  private takeUnanswered(sizeMax: number): PendingClaim[] | undefined {
    for (;;) {
      if (this.retryGroups.length === 0) this.refusedInARow = 0;
      const group = this.retryGroups.shift() ?? this.newClaims.splice(0, sizeMax);
      if (group.length === 0) return undefined;
      const claims = group.filter((claim) => !claim.answered);
      if (claims.length > 0) return claims;
    }
  }

  private batchIn(kind: 'sending' | 'in doubt'): SentBatch {
    const { state } = this;
    invariant(state.kind === kind && 'batch' in state, `a batch of the lane is ${kind}`);
    return state.batch;
  }

  private endBatch(): void {
    if (this.waiting > 0) this.becomeReady();
    else this.becomeIdle();
  }

  private becomeReady(): void {
    this.state = { kind: 'ready' };
    this.listener.onReady(this);
  }

  private becomeIdle(): void {
    this.state = { kind: 'idle' };
    this.listener.onIdle(this);
  }

  private inOrder(): readonly (readonly PendingClaim[])[] {
    return [this.batch?.claims ?? [], ...this.retryGroups, this.newClaims];
  }

  private dropAnswered(): void {
    if (this.newClaims[0]?.answered) {
      this.newClaims = this.newClaims.filter((claim) => !claim.answered);
    }
  }
}

function failRefused(
  claims: readonly PendingClaim[],
  { reason, cause, fields = [], detail: given }: BatchAnswer & { kind: 'refused' },
): void {
  // Which of several claims has the invalid fields is not known.
  const isUnclear = reason === 'invalid' && claims.length > 1;
  const [code, detail] = refusals[isUnclear ? 'refused' : reason];
  const invalidFields = reason === 'invalid' && !isUnclear ? fields : [];
  for (const claim of claims) {
    claim.fail(code, detailOf(invalidFields) || given || detail, cause, invalidFields);
  }
}

const refusals: Record<RefusalReason, ['unavailable' | 'invalid_request' | 'internal', string]> = {
  not_sent: ['unavailable', 'the database cannot be reached'],
  busy: ['unavailable', 'another session has locked the coupon for too long'],
  invalid: ['invalid_request', 'a value of this claim is not allowed'],
  refused: ['unavailable', 'the database refuses this claim; nothing of it is stored'],
  broken: ['internal', 'the claim could not be decided'],
};
