// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../clock.ts';
import { ClaimLane, nextResolveWaitMs, type SentBatch } from './claim-lane.ts';
import type { ClaimOutcome } from './claim-outcome.ts';
import { laneRefusals } from './lane-refusals.ts';
import { PendingClaim } from './pending-claim.ts';
import type {
  BatchAnswer,
  ClaimAttempt,
  ClaimBatch,
  ClaimMetrics,
  ClaimStore,
  EngineLog,
  MultiCouponAnswer,
} from './ports.ts';
import { ReadyQueue } from './ready-queue.ts';
import { RefusalLog } from './refusal-log.ts';

/** What bounds the lanes. Beyond a bound a claim hears `overloaded`, and nothing of it is stored. */
export type ClaimLaneLimits = {
  /** Claims in one batch. */
  batchMax: number;
  /** Commits under way, of a batch or a bundle each. */
  commitsUnderWayMax: number;
  /** Claims waiting in one lane. */
  laneWaitingMax: number;
  /** How long a claim may have to wait by what its lane took lately; one that would is refused when it comes. */
  waitMaxMs: number;
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
  /** Called when somebody heard that a coupon is sold out. */
  soldOut(couponName: string): void;
};

// From here on the cost of the claims outweighs that of their commit, and a later batch would only be larger.
const manyClaims = 48;

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
  private readonly line = new ReadyQueue();
  private readonly refusals: RefusalLog;
  private commitsUnderWay = 0;
  private claimsUnderWay = 0;
  private sendingSoon = false;
  private unanswered = 0;
  private stopping = false;
  private readonly stopped = new AbortController();
  private readonly stopSweep: () => void;

  constructor(options: ClaimLanesOptions) {
    this.options = options;
    this.refusals = new RefusalLog(options.log, options.clock);
    const sweepMs = Math.max(10, Math.min(100, options.limits.timeoutMs / 10));
    this.stopSweep = options.clock.every(sweepMs, () => this.expire());
  }

  /** Lets the claim wait in its coupon's lane. The coupon must exist. */
  claim(attempt: ClaimAttempt): Promise<ClaimOutcome> {
    const { limits, clock } = this.options;
    if (this.stopping) return this.shed('stopping');
    if (this.unanswered >= limits.waitingMax) {
      return this.shed('waiting');
    }
    let lane = this.lanes.get(attempt.couponName);
    if (lane === undefined) {
      if (this.lanes.size >= limits.lanesMax) {
        return this.shed('lanes');
      }
      lane = new ClaimLane(attempt.couponName);
      this.lanes.set(attempt.couponName, lane);
    } else if (lane.waiting >= limits.laneWaitingMax) {
      return this.shed('lane');
    } else if (
      lane.waiting >= limits.batchMax &&
      lane.expectedWaitMs(limits.batchMax) > limits.waitMaxMs
    ) {
      // Told now, while it costs nothing and a client can still do something else.
      return this.shed('wait');
    }
    const claim = new PendingClaim(attempt, clock.nowMs(), this.onAnswered);
    this.unanswered += 1;
    lane.add(claim);
    this.line.add(lane);
    this.sendSoon();
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

  private shed(reason: keyof typeof laneRefusals): Promise<never> {
    this.options.metrics.shed(reason);
    return Promise.reject(laneRefusals[reason]);
  }

  private readonly onAnswered = (): void => {
    this.unanswered -= 1;
  };

  /** Sends at the end of the event loop's turn: what arrives in one turn goes together, and a lone claim loses nothing. */
  private sendSoon(): void {
    if (this.sendingSoon || this.commitsUnderWay >= this.options.limits.commitsUnderWayMax) return;
    this.sendingSoon = true;
    this.options.clock.atEndOfTurn(() => {
      this.sendingSoon = false;
      this.sendReady();
    });
  }

  /** Many go at once, so that the database works on them while the answers of those before are written. */
  private sendNext(): void {
    if (this.unanswered - this.claimsUnderWay >= manyClaims) this.sendReady();
    else this.sendSoon();
  }

  private sendReady(): void {
    while (this.commitsUnderWay < this.options.limits.commitsUnderWayMax) {
      const lanes = this.line.take();
      if (lanes.length === 0) return;
      this.send(lanes);
    }
  }

  private send(lanes: readonly ClaimLane[]): void {
    const sent: { lane: ClaimLane; batch: SentBatch }[] = [];
    let claims = 0;
    for (const lane of lanes) {
      const batch = lane.takeBatch(this.options.newBatchId, this.options.limits.batchMax);
      if (batch === undefined) {
        this.lanes.delete(lane.couponName);
        continue;
      }
      claims += batch.claims.length;
      sent.push({ lane, batch });
    }
    if (claims === 0) return;
    this.commitsUnderWay += 1;
    this.claimsUnderWay += claims;
    const sentMs = this.options.clock.nowMs();
    void this.decide(sent.map(({ batch }) => batch)).then((answers) => {
      this.commitsUnderWay -= 1;
      this.claimsUnderWay -= claims;
      this.count(answers);
      const tookMs = this.options.clock.nowMs() - sentMs;
      sent.forEach(({ lane, batch }, index) => {
        lane.batchTook(tookMs);
        this.onAnswer(lane, batch, answers[index]);
      });
      this.sendNext();
    });
  }

  /** One answer for each batch; undefined where it is to go again by itself. */
  private decide(batches: readonly ClaimBatch[]): Promise<(BatchAnswer | undefined)[]> {
    const { store } = this.options;
    const toUnknown = (cause: unknown) => ({ kind: 'unknown', cause }) as const;
    const [first, ...others] = batches;
    if (first !== undefined && others.length === 0) {
      return store.claimBatch(first).then(
        (answer) => [answer],
        (cause) => [toUnknown(cause)],
      );
    }
    return store
      .claimMultiCoupon(batches)
      .catch(toUnknown)
      .then((answer) => batches.map((_, index) => answerOf(answer, index)));
  }

  private onAnswer(lane: ClaimLane, batch: SentBatch, answer: BatchAnswer | undefined): void {
    if (answer?.kind === 'unknown') {
      void this.settle(lane, batch, answer.cause);
      return;
    }
    if (answer === undefined) lane.returnUndecided();
    else {
      if (answer.kind === 'refused') this.refusals.tell(batch, answer);
      else this.reportCouponState(batch.couponName, answer.outcomes);
      lane.apply(answer);
    }
    this.continueOrDrop(lane);
  }

  private reportCouponState(couponName: string, outcomes: readonly ClaimOutcome[]): void {
    if (outcomes[0]?.outcome === 'coupon_not_found') this.options.couponGone(couponName);
    if (outcomes.some(({ outcome }) => outcome === 'sold_out')) this.options.soldOut(couponName);
  }

  private count(answers: readonly (BatchAnswer | undefined)[]): void {
    let size = 0;
    let commitSeconds = 0;
    for (const answer of answers) {
      if (answer?.kind !== 'decided') continue;
      size += answer.outcomes.length;
      commitSeconds = answer.commitSeconds;
    }
    if (size > 0) this.options.metrics.batchDecided({ size, commitSeconds });
  }

  private continueOrDrop(lane: ClaimLane): void {
    if (lane.waiting > 0) this.line.add(lane);
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
    const { signal } = this.stopped;
    for (let waitMs = lane.lose(); ; waitMs = nextResolveWaitMs(waitMs)) {
      if (waitMs > 0) await clock.sleep(waitMs, signal);
      if (signal.aborted) return;
      try {
        const settled = await store.voidBatch(batch.couponName, batch.batchId);
        metrics.batchResolved(settled);
        log.warn({ batchId: batch.batchId, settled }, 'the batch whose answer was lost is settled');
        lane.sendAgain(settled);
        this.continueOrDrop(lane);
        this.sendSoon();
        return;
      } catch (error) {
        // Whoever was not sent need not wait for the end of this.
        lane.refuseUnsent('the database cannot be reached', error);
      }
    }
  }

  private expire(): void {
    const before = this.options.clock.nowMs() - this.options.limits.timeoutMs;
    for (const lane of this.lanes.values()) lane.expire(before);
  }
}

/**
 * What a bundle's answer means for its batch at `index`; undefined when that goes again by itself: it was left
 * undecided, or something in the bundle is at fault and it is not known what.
 */
function answerOf(answer: MultiCouponAnswer, index: number): BatchAnswer | undefined {
  if (answer.kind === 'refused') return answer.reason === 'not_sent' ? answer : undefined;
  if (answer.kind === 'unknown') return answer;
  const outcome = answer.outcomes[index];
  return outcome && { ...answer, outcomes: [outcome] };
}
