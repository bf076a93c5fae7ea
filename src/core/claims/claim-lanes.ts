// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../clock.ts';
import { AppError } from '../errors.ts';
import { Admission, type AdmissionLimits } from './admission.ts';
import type { ClaimCommand, ClaimOutcome } from './claim.ts';
import { ClaimLane, type LaneListener, type SentBatch } from './claim-lane.ts';
import { InDoubt } from './in-doubt.ts';
import type {
  BatchAnswer,
  BatchCommand,
  BatchOutcome,
  ChangeDecision,
  ClaimMetrics,
  ClaimStore,
  EngineLog,
  SentChange,
  TicketDecision,
  TicketedClaim,
} from './ports.ts';
import { RefusalLog } from './refusal-log.ts';
import { Scheduler, type SchedulerLimits } from './scheduler.ts';

/** The limits of the lanes. */
export type ClaimLaneLimits = AdmissionLimits &
  SchedulerLimits & {
    /** The age at which each is answered in any case: refused, or `outcome_unknown` if it may be stored. */
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
  onCouponNotFound(couponName: string): void;
  /** Called when a claim was refused because its coupon is sold out. */
  onSoldOut(couponName: string): void;
  /** Called when a batch has committed that may have changed the coupon. */
  onChanged(couponName: string): void;
};

const drainPollMs = 5;

/**
 * All claim lanes of the process. A claim, or a change of one, that `Admission` lets in waits in the lane of its coupon
 * until `Scheduler` sends the lane's next batch. `InDoubt` takes over a batch whose answer was lost.
 */
export class ClaimLanes {
  private readonly options: ClaimLanesOptions;
  private readonly lanes = new Map<string, ClaimLane>();
  private readonly admission: Admission;
  private readonly scheduler: Scheduler;
  private readonly inDoubt: InDoubt;
  private readonly refusalLog: RefusalLog;
  private readonly stopSweep: () => void;

  constructor(options: ClaimLanesOptions) {
    this.options = options;
    const { clock, limits, log, metrics } = options;
    this.admission = new Admission({ limits, clock, metrics, lanes: this.lanes });
    this.scheduler = new Scheduler({
      ...options,
      unanswered: () => this.admission.unanswered,
      onAnswer: (lane, batch, answer) => this.onAnswer(lane, batch, answer),
    });
    this.inDoubt = new InDoubt(options);
    this.refusalLog = new RefusalLog(log, clock);
    const sweepMs = Math.max(10, Math.min(100, limits.timeoutMs / 10));
    this.stopSweep = clock.every(sweepMs, () => this.expire());
  }

  /** Lets the claim wait in its coupon's lane. The coupon must exist. */
  claim(command: ClaimCommand): Promise<ClaimOutcome> {
    return this.enter(command) as Promise<ClaimOutcome>;
  }

  /**
   * Lets the claim wait in its coupon's lane, in order of arrival of those with tickets. The coupon need not exist. The
   * same claim may come again: the final state of its ticket is the answer then.
   */
  claimTicket(command: TicketedClaim): Promise<TicketDecision> {
    return this.enter(command) as Promise<TicketDecision>;
  }

  /** Whether a claim of this coupon would be let in now. */
  hasRoom(couponName: string): boolean {
    return this.admission.hasRoom(this.lanes.get(couponName));
  }

  /**
   * Lets the change wait in the same lane as the claims of its coupon, in order of arrival; that of a saga in order of those of
   * sagas. The coupon must exist.
   */
  change(command: SentChange): Promise<ChangeDecision> {
    return this.enter(command) as Promise<ChangeDecision>;
  }

  /** What is not answered, the open lanes, and the age of the oldest that is not answered, in milliseconds. */
  depth(): { waiting: number; lanes: number; oldestMs: number } {
    let oldest: number | undefined;
    for (const lane of this.lanes.values()) {
      const arrived = lane.oldestArrivedMs;
      if (arrived !== undefined && (oldest === undefined || arrived < oldest)) oldest = arrived;
    }
    return {
      waiting: this.admission.unanswered,
      lanes: this.lanes.size,
      oldestMs: oldest === undefined ? 0 : this.options.clock.nowMs() - oldest,
    };
  }

  /** The coupons with claims, or changes of some, that wait for their batch, and how many. */
  *waitingByCoupon(): Generator<[couponName: string, waiting: number]> {
    for (const { couponName, waiting } of this.lanes.values()) yield [couponName, waiting];
  }

  /**
   * Takes nothing more, and answers what it has within `timeoutMs`. What is left then is refused, or gets
   * `outcome_unknown` if it may be stored. A second call does no harm.
   */
  async drain(timeoutMs: number): Promise<void> {
    const { clock } = this.options;
    this.admission.close();
    const deadlineMs = clock.nowMs() + timeoutMs;
    while (this.lanes.size > 0 && clock.nowMs() < deadlineMs) await clock.sleep(drainPollMs);
    this.inDoubt.stop();
    for (const lane of this.lanes.values()) lane.abandon();
    this.stopSweep();
  }

  private enter(command: BatchCommand): Promise<BatchOutcome> {
    const { lanes } = this;
    let lane = lanes.get(command.couponName);
    const decision = this.admission.admit(command, lane);
    if (decision instanceof AppError) return Promise.reject(decision);
    if (lane === undefined) {
      lane = new ClaimLane(command.couponName, this.laneListener);
      lanes.set(command.couponName, lane);
    }
    lane.add(decision);
    this.scheduler.sendSoon();
    return decision.answer;
  }

  private readonly laneListener: LaneListener = {
    onReady: (lane) => this.scheduler.enqueue(lane),
    onIdle: (lane) => void this.lanes.delete(lane.couponName),
  };

  private onAnswer(lane: ClaimLane, batch: SentBatch, answer: BatchAnswer | undefined): void {
    switch (answer?.kind) {
      case undefined:
        lane.retryUndecided();
        return;
      case 'unknown':
        void this.inDoubt.resolve(lane, batch, answer.cause).then((resolved) => {
          if (!resolved) return;
          this.options.onChanged(lane.couponName);
          this.scheduler.sendSoon();
        });
        return;
      case 'refused':
        this.refusalLog.report(batch, answer);
        lane.refuse(answer);
        return;
      case 'decided':
        this.reportCouponState(lane.couponName, answer.outcomes);
        lane.decide(answer.outcomes);
    }
  }

  private reportCouponState(couponName: string, outcomes: readonly BatchOutcome[]): void {
    const { onChanged, onCouponNotFound, onSoldOut } = this.options;
    if (outcomes.some(isCommitted)) onChanged(couponName);
    if (outcomes[0]?.outcome === 'coupon_not_found') onCouponNotFound(couponName);
    if (outcomes.some(({ outcome }) => outcome === 'sold_out')) onSoldOut(couponName);
  }

  private expire(): void {
    const { clock, limits } = this.options;
    const arrivedBeforeMs = clock.nowMs() - limits.timeoutMs;
    for (const lane of this.lanes.values()) lane.expire(arrivedBeforeMs);
  }
}

function isCommitted({ outcome }: BatchOutcome): boolean {
  return outcome === 'claimed' || outcome === 'changed';
}
