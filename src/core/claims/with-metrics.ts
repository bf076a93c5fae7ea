// SPDX-License-Identifier: GPL-3.0-or-later
import { AppError } from '../errors.ts';
import type { ClaimCoupon } from './claim-coupon.ts';
import type { ClaimMetrics } from './ports.ts';

/** Counts every answer by its outcome, or by the code of its fault. */
export function withMetrics(claimCoupon: ClaimCoupon, metrics: ClaimMetrics): ClaimCoupon {
  return (command) =>
    claimCoupon(command).then(
      (outcome) => {
        metrics.answered(outcome.outcome);
        return outcome;
      },
      (error: unknown) => {
        metrics.answered(error instanceof AppError ? error.code : 'internal');
        throw error;
      },
    );
}
