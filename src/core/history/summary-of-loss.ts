// SPDX-License-Identifier: GPL-3.0-or-later
import type { AcknowledgedBatch } from './ports.ts';

const listedMax = 20;

/** What the log says of a loss: in all and by coupon, without users. */
export function summaryOfLoss(missing: readonly AcknowledgedBatch[]) {
  const coupons: Record<string, { batches: number; claims: number; changes: number }> = {};
  for (const { couponName, claims, changes } of missing) {
    coupons[couponName] ??= { batches: 0, claims: 0, changes: 0 };
    const coupon = coupons[couponName];
    coupon.batches += 1;
    coupon.claims += claims;
    coupon.changes += changes;
  }
  const listed = Object.entries(coupons).slice(0, listedMax);
  return {
    missing_batches: missing.length,
    missing_claims: missing.reduce((sum, { claims }) => sum + claims, 0),
    coupons: Object.fromEntries(listed),
  };
}
