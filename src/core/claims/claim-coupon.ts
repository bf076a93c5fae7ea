// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../clock.ts';
import { AppError } from '../errors.ts';
import type { ClaimAnswer, ClaimCommand } from './claim.ts';
import type { ClaimMetrics } from './ports.ts';

/**
 * Claims one unit of a coupon for a user. Resolves with a decision that is committed, or with the ticket of a claim that is
 * safe in the queue; rejects with an `AppError` whose code says whether anything may have changed. Each optional part of
 * the engine wraps a function of this type.
 */
export type ClaimCoupon = (command: ClaimCommand) => Promise<ClaimAnswer>;

/** Counts every answer, and the time to it, by its outcome or by the code of its fault. */
export function withMetrics(
  claimCoupon: ClaimCoupon,
  metrics: Pick<ClaimMetrics, 'answered'>,
  clock: Pick<Clock, 'nowMs'>,
): ClaimCoupon {
  return (command) => {
    const arrivedMs = clock.nowMs();
    const count = (outcome: string, isOfTicket = false) => {
      const seconds = (clock.nowMs() - arrivedMs) / 1000;
      metrics.answered(outcome, seconds, command.couponName, isOfTicket);
    };
    return claimCoupon(command).then(
      (answer) => {
        count(answer.outcome, answer.isOfTicket);
        return answer;
      },
      (error: unknown) => {
        if (error instanceof AppError) count(error.code, error.isOfTicket);
        else count('internal');
        throw error;
      },
    );
  };
}
