// SPDX-License-Identifier: GPL-3.0-or-later
import type { Coupon, CouponState } from '../../core/coupons/coupon.ts';

/** The columns of a coupon. */
export type CouponRow = {
  id: string;
  name: string;
  amount: number;
  remaining_amount: number;
  opens_at: string | null;
  closes_at: string | null;
  paused: boolean;
  archived: boolean;
  state: CouponState;
  hold_seconds: number | null;
  claims_per_user_max: number;
  saga: string | null;
  stock_low_at: number | null;
  title: string | null;
  description: string | null;
  pause_reason: string | null;
};

/** The coupon of a row. */
export function toCoupon(row: CouponRow): Coupon {
  return {
    id: row.id,
    name: row.name,
    amount: row.amount,
    remainingAmount: row.remaining_amount,
    state: row.state,
    opensAt: row.opens_at,
    closesAt: row.closes_at,
    paused: row.paused,
    archived: row.archived,
    holdSeconds: row.hold_seconds,
    claimsPerUserMax: row.claims_per_user_max,
    saga: row.saga,
    stockLowAt: row.stock_low_at,
    title: row.title,
    description: row.description,
    pauseReason: row.pause_reason,
  };
}
