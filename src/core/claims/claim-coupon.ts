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
    const count = (outcome: string) =>
      metrics.answered(outcome, (clock.nowMs() - arrivedMs) / 1000, command.couponName);
    return claimCoupon(command).then(
      (outcome) => {
        count(outcome.outcome);
        return outcome;
      },
      (error: unknown) => {
        count(error instanceof AppError ? error.code : 'internal');
        throw error;
      },
    );
  };
}
