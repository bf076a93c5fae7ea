// SPDX-License-Identifier: GPL-3.0-or-later
import { useState } from 'preact/hooks';
import type { Coupon, CouponSummary } from '../../client.ts';
import { serverNowMs } from '../clock.ts';
import type { Sale } from '../live/sale-data.ts';

// How far the clock of the page may be off. It is taken from answers of the service.
const clockErrorMs = 1_000;

/** The coupon as it is known: what the last change returned, until the overview is newer. */
export function useKnownCoupon(sale: Sale): {
  coupon: CouponSummary | undefined;
  remember: (coupon: Coupon) => void;
} {
  const [written, setWritten] = useState<{ coupon: Coupon; atMs: number }>();
  const { overview } = sale;
  const isOverviewOld =
    written !== undefined &&
    (overview === undefined || Date.parse(overview.at) < written.atMs + clockErrorMs);
  return {
    coupon: isOverviewOld ? written.coupon : overview?.coupon,
    remember: (coupon) => setWritten({ coupon, atMs: serverNowMs() ?? 0 }),
  };
}
