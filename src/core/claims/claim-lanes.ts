// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../clock.ts';
import { AppError } from '../errors.ts';
import { ClaimLane, type SentBatch } from './claim-lane.ts';
import type { ClaimOutcome } from './claim-outcome.ts';
import { PendingClaim } from './pending-claim.ts';
import type {
  BatchAnswer,
  ClaimAttempt,
  ClaimMetrics,
  ClaimStore,
  EngineLog,
  RefusalReason,
} from './ports.ts';

/** What bounds the lanes. Beyond a bound a claim hears `overloaded`, and nothing of it is stored. */
export type ClaimLaneLimits = {
  /** Claims in one batch. */
  batchMax: number;
  /** Batches under way in all lanes together. */
  batchesUnderWayMax: number;
  /** Claims waiting in one lane. */
  laneWaitingMax: number;
  /** Coupons with claims under way at the same time. */
  lanesMax: number;
  /** Claims not answered yet, in all lanes. */
  waitingMax: number;
  /** The age at which a claim is answered in any case: refused if it was not sent, else `outcome_unknown`. */
  timeoutMs: number;
};

/** What the lanes work with. */
export type ClaimLanesOptions = {
  store: ClaimStore;
  limits: ClaimLaneLimits;
  clock: Clock;
  metrics: ClaimMetrics;
  log: EngineLog;
  newBatchId(): string;
  /** Called when a coupon that had a lane turns out not to exist. */
  couponGone(couponName: string): void;
};

const refusalLogMs = 1000;
const settleWaitMsMin = 20;
const settleWaitMsMax = 1000;

/**
 * All claim lanes of the process: who may send, what is answered when, and what happens when an answer is lost.
 *
 * A batch is under way from its sending to its answer. When the answer is lost, the lane stops: first the batch is
 * settled by a committed void mark, so that it cannot commit behind the back of whoever is told something next; then
 * its claims are sent again. The mark is tried until it is committed, also when nobody waits any more.
 */
export class ClaimLanes {
  private readonly options: ClaimLanesOptions;
  private readonly lanes = new Map<string, ClaimLane>();
  /** The line of lanes that have something to send. */
  private readonly ready: ClaimLane[] = [];
  private readonly refusalsLogged = new Map<RefusalReason, { atMs: number; unsaid: number }>();
  private batchesUnderWay = 0;
  private unanswered = 0;
  private stopping = false;
  private readonly stopped = new AbortController();
  private readonly stopSweep: () => void;

  constructor(options: ClaimLanesOptions) {
    this.options = options;
    const sweepMs = Math.max(10, Math.min(100, options.limits.timeoutMs / 10));
    this.stopSweep = options.clock.every(sweepMs, () => this.expire());
  }

  /** Lets the claim wait in its coupon's lane. The coupon must exist. */
  claim(attempt: ClaimAttempt): Promise<ClaimOutcome> {
    const { limits, clock } = this.options;
    if (this.stopping) return refused('unavailable', 'the service is stopping');
    if (this.unanswered >= limits.waitingMax) {
      return refused('overloaded', 'too many claims are waiting');
    }
    let lane = this.lanes.get(attempt.couponName);
    if (lane === undefined) {
      if (this.lanes.size >= limits.lanesMax) {
        return refused('overloaded', 'claims of too many coupons are waiting');
      }
      lane = new ClaimLane(attempt.couponName);
      this.lanes.set(attempt.couponName, lane);
    } else if (lane.waiting >= limits.laneWaitingMax) {
      return refused('overloaded', 'too many claims of this coupon are waiting');
    }
    const claim = new PendingClaim(attempt, clock.nowMs(), this.onAnswered);
    this.unanswered += 1;
    lane.add(claim);
    this.enqueue(lane);
    this.sendReady();
    return claim.answer;
  }

  /** Claims not answered, lanes open, and the age of the longest waiting claim in milliseconds. */
  depth(): { waiting: number; lanes: number; oldestMs: number } {
    let oldest: number | undefined;
    for (const lane of this.lanes.values()) {
      const arrived = lane.oldestArrivedMs;
      if (arrived !== undefined && (oldest === undefined || arrived < oldest)) oldest = arrived;
    }
    return {
      waiting: this.unanswered,
      lanes: this.lanes.size,
      oldestMs: oldest === undefined ? 0 : this.options.clock.nowMs() - oldest,
    };
  }

  /**
   * Takes no more claims and answers those it has, for at most `timeoutMs`; whoever is left then hears that the
   * service stops, or `outcome_unknown`. Stopping twice is the same as once.
   */
  async stop(timeoutMs: number): Promise<void> {
    this.stopping = true;
    const { clock } = this.options;
    const deadlineMs = clock.nowMs() + timeoutMs;
    while (this.lanes.size > 0 && clock.nowMs() < deadlineMs) await clock.sleep(5);
    this.stopped.abort();
    for (const lane of this.lanes.values()) lane.abandon();
    this.stopSweep();
  }

  private readonly onAnswered = (): void => {
    this.unanswered -= 1;
  };

  private enqueue(lane: ClaimLane): void {
    if (lane.queued || lane.sent !== undefined) return;
    lane.queued = true;
    this.ready.push(lane);
  }

  private sendReady(): void {
    while (this.batchesUnderWay < this.options.limits.batchesUnderWayMax) {
      const lane = this.ready.shift();
      if (lane === undefined) return;
      lane.queued = false;
      const batch = lane.takeBatch(this.options.newBatchId, this.options.limits.batchMax);
      if (batch === undefined) {
        this.lanes.delete(lane.couponName);
        continue;
      }
      this.batchesUnderWay += 1;
      void this.options.store
        .claimBatch(batch)
        .catch((cause: unknown): BatchAnswer => ({ kind: 'unknown', cause }))
        .then((answer) => this.onAnswer(lane, batch, answer));
    }
  }

  private onAnswer(lane: ClaimLane, batch: SentBatch, answer: BatchAnswer): void {
    this.batchesUnderWay -= 1;
    if (answer.kind === 'unknown') {
      void this.settle(lane, batch, answer.cause);
    } else {
      if (answer.kind === 'decided') this.onDecided(batch, answer);
      else this.logRefusal(batch, answer);
      lane.apply(answer);
      this.continueOrDrop(lane);
    }
    this.sendReady();
  }

  private onDecided(batch: SentBatch, answer: BatchAnswer & { kind: 'decided' }): void {
    const size = batch.claims.length;
    this.options.metrics.batchDecided({ size, commitSeconds: answer.commitSeconds });
    if (answer.outcomes[0]?.outcome === 'coupon_not_found') {
      this.options.couponGone(batch.couponName);
    }
  }

  /** One line for the first of a kind, then at most one a second: without a database every batch ends like this. */
  private logRefusal(batch: SentBatch, answer: BatchAnswer & { kind: 'refused' }): void {
    const nowMs = this.options.clock.nowMs();
    const last = this.refusalsLogged.get(answer.reason);
    if (last !== undefined && nowMs - last.atMs < refusalLogMs) {
      last.unsaid += batch.claims.length;
      return;
    }
    this.refusalsLogged.set(answer.reason, { atMs: nowMs, unsaid: 0 });
    this.options.log.warn(
      {
        batchId: batch.batchId,
        claims: batch.claims.length,
        claimsSinceLastLine: last?.unsaid ?? 0,
        reason: answer.reason,
        err: answer.cause,
      },
      'a batch of claims was refused; nothing of it is stored',
    );
  }

  private continueOrDrop(lane: ClaimLane): void {
    if (lane.waiting > 0) this.enqueue(lane);
    else this.lanes.delete(lane.couponName);
  }

  /** Makes sure of a batch whose answer was lost, however long it takes, and then lets the lane go on. */
  private async settle(lane: ClaimLane, batch: SentBatch, cause: unknown): Promise<void> {
    const { store, clock, metrics, log } = this.options;
    metrics.batchUnknown();
    log.warn(
      { batchId: batch.batchId, claims: batch.claims.length, err: cause },
      'the answer of a batch of claims was lost; making sure of it before the coupon goes on',
    );
    let waitMs = settleWaitMsMin;
    while (!this.stopped.signal.aborted) {
      try {
        const settled = await store.voidBatch(batch.couponName, batch.batchId);
        metrics.batchSettled(settled);
        log.warn({ batchId: batch.batchId, settled }, 'the batch whose answer was lost is settled');
        lane.sendAgain(settled);
        this.continueOrDrop(lane);
        this.sendReady();
        return;
      } catch (error) {
        // Whoever was not sent need not wait for the end of this.
        lane.refuseUnsent('the database cannot be reached', error);
      }
      await clock.sleep(waitMs, this.stopped.signal);
      waitMs = Math.min(waitMs * 2, settleWaitMsMax);
    }
  }

  private expire(): void {
    const before = this.options.clock.nowMs() - this.options.limits.timeoutMs;
    for (const lane of this.lanes.values()) lane.expire(before);
  }
}

function refused(code: 'overloaded' | 'unavailable', detail: string): Promise<never> {
  return Promise.reject(new AppError(code, { detail }));
}
