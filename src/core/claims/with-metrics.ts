// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../clock.ts';
import { AppError } from '../errors.ts';
import type { ClaimCoupon } from './claim-coupon.ts';
import type { ClaimMetrics } from './ports.ts';

/** Counts every answer, and the time to it, by its outcome or by the code of its fault. */
export function withMetrics(
  claimCoupon: ClaimCoupon,
  metrics: ClaimMetrics,
  clock: Clock,
): ClaimCoupon {
  return (command) => {
    const cameMs = clock.nowMs();
    const answered = (outcome: string) =>
      metrics.answered(outcome, (clock.nowMs() - cameMs) / 1000);
    return claimCoupon(command).then(
      (outcome) => {
        answered(outcome.outcome);
        return outcome;
      },
      (error: unknown) => {
        answered(error instanceof AppError ? error.code : 'internal');
        throw error;
      },
    );
  };
}
