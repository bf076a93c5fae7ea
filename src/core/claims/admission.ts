// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../clock.ts';
import { AppError } from '../errors.ts';
import type { ClaimLane } from './claim-lane.ts';
import { PendingDecision } from './pending-decision.ts';
import type { BatchCommand, ClaimMetrics } from './ports.ts';

/** How many claims and changes may wait. One beyond a limit gets `overloaded`, and nothing of it is stored. */
export type AdmissionLimits = {
  /** Claims and changes in one batch. */
  batchMax: number;
  /** Those that wait in one lane. */
  laneWaitingMax: number;
  /** The longest expected wait, judged by how long the lane's last batches took. */
  waitMaxMs: number;
  /** Coupons with some under way at the same time. */
  lanesMax: number;
  /** Those that are not answered yet, in all lanes. */
  waitingMax: number;
};

/**
 * Why a claim or a change may not enter. Each error is created once and shared: in an overload nearly every claim ends
 * here, and a stack trace for each of them took a tenth of the process's time.
 */
export const admissionRefusals = {
  stopping: new AppError('unavailable', { detail: 'the service is stopping' }),
  waiting: new AppError('overloaded', { detail: 'too many claims are waiting' }),
  lanes: new AppError('overloaded', { detail: 'claims of too many coupons are waiting' }),
  lane: new AppError('overloaded', { detail: 'too many claims of this coupon are waiting' }),
  wait: new AppError('overloaded', {
    detail: 'claims of this coupon would have to wait too long',
  }),
};

/** What `Admission` works with. */
export type AdmissionOptions = {
  limits: AdmissionLimits;
  clock: Pick<Clock, 'nowMs'>;
  metrics: Pick<ClaimMetrics, 'shed'>;
  /** The open lanes, by coupon. */
  lanes: ReadonlyMap<string, ClaimLane>;
};

/** Decides whether a claim or a change may enter a lane, and counts those that are not answered yet. */
export class Admission {
  private readonly options: AdmissionOptions;
  private unansweredCount = 0;
  private isClosed = false;

  constructor(options: AdmissionOptions) {
    this.options = options;
  }

  /** How many entered and are not answered yet. */
  get unanswered(): number {
    return this.unansweredCount;
  }

  /** Lets it in, or returns why it may not enter. `lane` is undefined when its coupon has none yet. */
  admit(command: BatchCommand, lane: ClaimLane | undefined): PendingDecision | AppError {
    const reason = this.refusalReason(lane);
    if (reason !== undefined) {
      this.options.metrics.shed(reason);
      return admissionRefusals[reason];
    }
    this.unansweredCount += 1;
    return new PendingDecision(command, this.options.clock.nowMs(), this.onAnswered);
  }

  /** Whether one would be let in now. */
  hasRoom(lane: ClaimLane | undefined): boolean {
    return this.refusalReason(lane) === undefined;
  }

  /** Lets nothing more in. */
  close(): void {
    this.isClosed = true;
  }

  private refusalReason(lane: ClaimLane | undefined): keyof typeof admissionRefusals | undefined {
    const { limits, lanes } = this.options;
    const { batchMax } = limits;
    if (this.isClosed) return 'stopping';
    if (this.unansweredCount >= limits.waitingMax) return 'waiting';
    if (lane === undefined) return lanes.size >= limits.lanesMax ? 'lanes' : undefined;
    const { waiting } = lane;
    if (waiting >= limits.laneWaitingMax) return 'lane';
    // Refused at once: that costs little, and the client can still do something else.
    if (waiting >= batchMax && lane.expectedWaitMs(batchMax) > limits.waitMaxMs) return 'wait';
    return undefined;
  }

  private readonly onAnswered = (): void => {
    this.unansweredCount -= 1;
  };
}
