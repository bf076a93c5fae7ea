// SPDX-License-Identifier: GPL-3.0-or-later
import { useState } from 'preact/hooks';
import type { Coupon, CouponSummary } from '../../client.ts';
import type { Sale } from '../live/sale-data.ts';

// The page reads the overview each second, and its stock is half a second old at most.
const overviewLagMs = 2_000;

/** The coupon as it is known: what the last change returned, until the overview is newer. */
export function useKnownCoupon(sale: Sale): {
  coupon: CouponSummary | undefined;
  remember: (coupon: Coupon) => void;
} {
  const [written, setWritten] = useState<{ coupon: Coupon; atMs: number }>();
  const { arrivedAtMs } = sale;
  const isOverviewOld =
    written !== undefined &&
    (arrivedAtMs === undefined || arrivedAtMs < written.atMs + overviewLagMs);
  return {
    coupon: isOverviewOld ? written.coupon : sale.overview?.coupon,
    remember: (coupon) => setWritten({ coupon, atMs: performance.now() }),
  };
}
