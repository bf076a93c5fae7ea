// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../clock.ts';
import type { ClaimLane, SentBatch } from './claim-lane.ts';
import type {
  BatchAnswer,
  ClaimBatch,
  ClaimMetrics,
  ClaimStore,
  MultiCouponAnswer,
  RefusalReason,
} from './ports.ts';

/** How much is sent at once. */
export type SchedulerLimits = {
  /** Claims and changes in one batch. */
  batchMax: number;
  /** Commits under way, of a batch or a multi-coupon batch each. */
  commitsUnderWayMax: number;
};

/** What the scheduler works with. */
export type SchedulerOptions = {
  store: Pick<ClaimStore, 'decideBatch' | 'claimMultiCoupon'>;
  limits: SchedulerLimits;
  clock: Pick<Clock, 'nowMs' | 'atEndOfTurn'>;
  metrics: Pick<ClaimMetrics, 'batchDecided'>;
  newBatchId(): string;
  /** Claims and changes that are not answered yet, under way or not. */
  unanswered(): number;
  /** Receives the answer of the lane's batch; undefined when the batch is to be sent again, alone. */
  onAnswer(lane: ClaimLane, batch: SentBatch, answer: BatchAnswer | undefined): void;
};

// From here on they cost more than their commit, and waiting for a larger batch gains nothing.
const manyWaiting = 48;
// A larger one would hold the locks of all its coupons for longer than it saves.
const multiCouponBatchMax = 64;

/**
 * Decides which lanes send when: a queue of ready lanes, in front of a limited number of commits. A batch is under way
 * from its sending to its answer.
 */
export class Scheduler {
  private readonly options: SchedulerOptions;
  /** Exactly the lanes whose state is `ready`, each once. */
  private readyQueue: ClaimLane[] = [];
  private commitsUnderWay = 0;
  private sentCount = 0;
  private isSendDue = false;

  constructor(options: SchedulerOptions) {
    this.options = options;
  }

  /** Puts a lane that has become ready at the end of the queue. */
  enqueue(lane: ClaimLane): void {
    this.readyQueue.push(lane);
  }

  /**
   * Sends at the end of this turn of the event loop: claims and changes that arrive in one turn go together, and a
   * single one loses no time.
   */
  sendSoon(): void {
    if (this.isSendDue || this.commitsUnderWay >= this.options.limits.commitsUnderWayMax) return;
    this.isSendDue = true;
    this.options.clock.atEndOfTurn(() => {
      this.isSendDue = false;
      this.sendReady();
    });
  }

  /** Sends at once where many wait, so that the database works while the answers of the last batch are written. */
  private sendNext(): void {
    if (this.options.unanswered() - this.sentCount >= manyWaiting) this.sendReady();
    else this.sendSoon();
  }

  private sendReady(): void {
    while (this.commitsUnderWay < this.options.limits.commitsUnderWayMax) {
      const lanes = this.takeLanes();
      if (lanes.length === 0) return;
      this.send(lanes);
    }
  }

  /**
   * Takes the lanes that send in the next commit: the first one; if its batch is a single claim, together with all
   * others of which that is true, as each would need a commit of its own otherwise.
   */
  private takeLanes(): ClaimLane[] {
    const first = this.readyQueue.shift();
    if (first === undefined) return [];
    const lanes = [first];
    if (!first.canShareCommit) return lanes;
    this.readyQueue = this.readyQueue.filter((lane) => {
      if (lanes.length === multiCouponBatchMax || !lane.canShareCommit) return true;
      lanes.push(lane);
      return false;
    });
    return lanes;
  }

  private send(lanes: readonly ClaimLane[]): void {
    const { clock, limits, newBatchId, onAnswer } = this.options;
    const sent: { lane: ClaimLane; batch: SentBatch }[] = [];
    let count = 0;
    for (const lane of lanes) {
      const batch = lane.takeBatch(newBatchId, limits.batchMax);
      if (batch === undefined) continue;
      count += batch.decisions.length;
      sent.push({ lane, batch });
    }
    if (count === 0) return;
    this.commitsUnderWay += 1;
    this.sentCount += count;
    const sentMs = clock.nowMs();
    void this.decide(sent.map(({ batch }) => batch)).then((answers) => {
      this.commitsUnderWay -= 1;
      this.sentCount -= count;
      this.count(answers);
      const tookMs = clock.nowMs() - sentMs;
      sent.forEach(({ lane, batch }, index) => {
        lane.batchTook(tookMs);
        onAnswer(lane, batch, answers[index]);
      });
      this.sendNext();
    });
  }

  /** Returns one answer for each batch; undefined where it is to be sent again, alone. */
  private decide(batches: readonly ClaimBatch[]): Promise<(BatchAnswer | undefined)[]> {
    const { store } = this.options;
    const toUnknown = (cause: unknown) => ({ kind: 'unknown', cause }) as const;
    const [first, ...others] = batches;
    if (first !== undefined && others.length === 0) {
      return store.decideBatch(first).then(
        (answer) => [answer],
        (cause) => [toUnknown(cause)],
      );
    }
    return store
      .claimMultiCoupon(batches)
      .catch(toUnknown)
      .then((answer) => batches.map((_, index) => answerAt(answer, index)));
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
}

// None of the batches is the cause, so each alone would meet the same.
const wholeReasons: ReadonlySet<RefusalReason> = new Set(['not_sent', 'not_durable']);

/**
 * What the answer of a multi-coupon batch means for its batch at `index`. Undefined, so that the batch is sent again
 * alone, where it was left undecided, or where one of the batches caused a refusal and it is not known which.
 */
function answerAt(answer: MultiCouponAnswer, index: number): BatchAnswer | undefined {
  if (answer.kind === 'refused') return wholeReasons.has(answer.reason) ? answer : undefined;
  if (answer.kind === 'unknown') return answer;
  const outcome = answer.outcomes[index];
  return outcome && { ...answer, outcomes: [outcome] };
}
