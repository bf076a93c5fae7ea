// SPDX-License-Identifier: GPL-3.0-or-later
import { detailOf } from '../errors.ts';
import { invariant } from '../invariant.ts';
import type { PendingClaim } from './pending-claim.ts';
import type { BatchAnswer, ClaimBatch, RefusalReason } from './ports.ts';

// Follows a change within a few batches and forgives a single slow one.
const smoothing = 0.3;
const resolveWaitMsMin = 20;
const resolveWaitMsMax = 1000;
// Shorter, since here the database answers and somebody waits: a few marks in a second fill no ledger.
const lossWaitMsMax = 200;
// After so many lone refusals and nothing decided in between, the database refuses every claim of this coupon.
const refusedInARowMax = 16;

/** How long to wait before the next try to settle a batch, after a wait of `waitMs`. */
export function nextResolveWaitMs(waitMs: number): number {
  return Math.min(Math.max(waitMs * 2, resolveWaitMsMin), resolveWaitMsMax);
}

/** A batch on its way, with the claims that wait for it. */
export type SentBatch = ClaimBatch & { claims: readonly PendingClaim[] };

/**
 * The queue of one coupon in one process, whose claims commit together: while a batch is under way the next one
 * gathers, so a batch grows with the load by itself and a lone claim waits for nobody.
 *
 * A lane only keeps order; `ClaimLanes` decides when it sends.
 */
export class ClaimLane {
  readonly couponName: string;
  /** The batch under way: sent, or its answer lost and not settled yet. */
  sent: SentBatch | undefined;
  /** True while the lane stands in the line of those that wait to send. */
  queued = false;
  private gathering: PendingClaim[] = [];
  /** How long a batch of this lane takes, smoothed; 0 before the first. */
  private batchMs = 0;
  /** How long the next batch whose answer is lost waits before it is settled. */
  private lossWaitMs = 0;
  /** Claims to be decided again, each group as a batch of its own, before what gathers. */
  private again: PendingClaim[][] = [];
  /** Claims of this batch, refused alone one behind the other with nothing decided in between. */
  private refusedInARow = 0;

  constructor(couponName: string) {
    this.couponName = couponName;
  }

  /** Claims that are not under way. */
  get waiting(): number {
    let count = this.gathering.length;
    for (const group of this.again) count += group.length;
    return count;
  }

  /** Whether a single claim waits that may go in a bundle: one that no batch has left undecided. */
  get isLone(): boolean {
    return this.gathering.length === 1 && this.again.length === 0;
  }

  /** How long a claim that comes now waits for its answer, if batches go on taking what they took. */
  expectedWaitMs(batchMax: number): number {
    // What is left of the batch under way is taken for all of it; then those before this claim, and its own.
    return this.batchMs * (2 + Math.floor(this.waiting / batchMax));
  }

  /** When the longest waiting claim arrived, under way or not; undefined when nobody waits. */
  get oldestArrivedMs(): number | undefined {
    for (const claims of this.inOrder()) {
      for (const claim of claims) if (!claim.answered) return claim.arrivedMs;
    }
    return undefined;
  }

  add(claim: PendingClaim): void {
    this.gathering.push(claim);
  }

  /** Takes the next batch, at most `sizeMax` claims, without those that were answered meanwhile. */
  takeBatch(newBatchId: () => string, sizeMax: number): SentBatch | undefined {
    invariant(this.sent === undefined, 'a lane has one batch under way');
    for (;;) {
      if (this.again.length === 0) this.refusedInARow = 0;
      const group = this.again.shift() ?? this.gathering.splice(0, sizeMax);
      if (group.length === 0) return undefined;
      const claims = group.filter((claim) => !claim.answered);
      if (claims.length === 0) continue;
      for (const claim of claims) claim.maybeStored = true;
      this.sent = {
        batchId: newBatchId(),
        couponName: this.couponName,
        attempts: claims.map((claim) => claim.attempt),
        claims,
      };
      return this.sent;
    }
  }

  /** Tells how long the batch took that was under way. */
  batchTook(ms: number): void {
    this.batchMs = this.batchMs === 0 ? ms : this.batchMs + (ms - this.batchMs) * smoothing;
  }

  /** Answers what waits for the batch under way, or puts it back. Not for an answer that is lost. */
  apply(answer: Exclude<BatchAnswer, { kind: 'unknown' }>): void {
    const { claims } = this.endBatch();
    if (answer.kind === 'decided') {
      this.lossWaitMs = 0;
      this.refusedInARow = 0;
      invariant(answer.outcomes.length === claims.length, 'one outcome for each claim of a batch');
      claims.forEach((claim, index) => {
        const outcome = answer.outcomes[index];
        invariant(outcome, 'an outcome for each claim');
        claim.decide(outcome);
      });
      return;
    }
    this.refuse(claims, answer);
  }

  private refuse(claims: readonly PendingClaim[], answer: BatchAnswer & { kind: 'refused' }): void {
    const { cause, fields = [] } = answer;
    let { reason } = answer;
    for (const claim of claims) claim.maybeStored = claim.sentInCommitted;
    if (reason === 'invalid' || reason === 'refused') {
      if (claims.length === 1) this.refusedInARow += 1;
      else if (this.refusedInARow < refusedInARowMax) {
        // It may be one claim that is refused. Halving finds it, and the others are decided, in their order.
        const half = claims.length >> 1;
        this.again.unshift(claims.slice(0, half), claims.slice(half));
        return;
      } else {
        // Which of the claims the fields belong to is not known.
        reason = 'refused';
      }
    }
    const [code, detail] = refusals[reason];
    const wrong = reason === 'invalid' ? fields : [];
    for (const claim of claims)
      claim.fail(code, detailOf(wrong) || answer.detail || detail, cause, wrong);
  }

  /**
   * The answer of the batch under way was lost. Returns how long to wait before it is settled: not at all at first, and
   * longer each time until a batch is decided. What fails each time it is sent would fill the ledger with marks.
   */
  lose(): number {
    const waitMs = this.lossWaitMs;
    this.lossWaitMs = Math.min(nextResolveWaitMs(waitMs), lossWaitMsMax);
    return waitMs;
  }

  /**
   * The batch whose answer was lost is settled: its claims are sent again, under their own ids, before all others. A
   * claim that the lost batch stored is recognised by its id; the others are decided like new ones.
   */
  sendAgain(settled: 'committed' | 'void'): void {
    const { claims } = this.endBatch();
    for (const claim of claims) {
      claim.sentInCommitted ||= settled === 'committed';
      claim.maybeStored = claim.sentInCommitted;
    }
    this.again.unshift([...claims]);
  }

  /** The bundle left the batch undecided, with nothing of it stored: its claim goes again, now by itself. */
  returnUndecided(): void {
    const { claims } = this.endBatch();
    for (const claim of claims) claim.maybeStored = claim.sentInCommitted;
    this.again.unshift([...claims]);
  }

  /** Refuses all that is not under way and was never sent, as when the database cannot be reached. */
  refuseUnsent(detail: string, cause: unknown): void {
    for (const claims of [...this.again, this.gathering]) {
      for (const claim of claims) if (!claim.maybeStored) claim.fail('unavailable', detail, cause);
    }
    this.dropAnswered();
  }

  /** Answers those that arrived before `arrivedBeforeMs`: refused if they were not sent, else unknown. */
  expire(arrivedBeforeMs: number): void {
    for (const claims of this.inOrder()) {
      for (const claim of claims) {
        if (claim.arrivedMs >= arrivedBeforeMs) break;
        claim.fail('overloaded', 'the claim waited too long for its turn');
      }
    }
    this.dropAnswered();
  }

  /** Answers everybody, as at the end of a stop that took too long. */
  abandon(): void {
    for (const claims of this.inOrder()) {
      for (const claim of claims) claim.fail('unavailable', 'the service is stopping');
    }
    this.dropAnswered();
  }

  private inOrder(): readonly (readonly PendingClaim[])[] {
    return [this.sent?.claims ?? [], ...this.again, this.gathering];
  }

  private endBatch(): SentBatch {
    const batch = this.sent;
    invariant(batch, 'a batch is under way');
    this.sent = undefined;
    return batch;
  }

  private dropAnswered(): void {
    if (this.gathering[0]?.answered) {
      this.gathering = this.gathering.filter((claim) => !claim.answered);
    }
  }
}

const refusals: Record<RefusalReason, ['unavailable' | 'invalid_request' | 'internal', string]> = {
  not_sent: ['unavailable', 'the database cannot be reached'],
  busy: ['unavailable', 'the coupon is locked by somebody else for too long'],
  invalid: ['invalid_request', 'a value of this claim is not allowed'],
  refused: ['unavailable', 'the database refuses this claim; nothing of it is stored'],
  broken: ['internal', 'the claim could not be decided'],
};
