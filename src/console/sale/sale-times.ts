// SPDX-License-Identifier: GPL-3.0-or-later
import type { CouponSummary } from '../../client.ts';

/** When a sale opens or closes, and how long that is from now. Undefined: it never does, or has done so. */
export type SaleTime = { word: 'Opens' | 'Closes' | 'Closed'; at: string; leftMs: number };

/** The next change of a sale by its window, or its end. Undefined where there is none. */
export function nextTime(
  coupon: Pick<CouponSummary, 'opens_at' | 'closes_at'>,
  nowMs: number,
): SaleTime | undefined {
  const { opens_at: opensAt, closes_at: closesAt } = coupon;
  if (opensAt !== null && Date.parse(opensAt) > nowMs) return timeOf('Opens', opensAt, nowMs);
  if (closesAt === null) return undefined;
  return timeOf(Date.parse(closesAt) > nowMs ? 'Closes' : 'Closed', closesAt, nowMs);
}

function timeOf(word: SaleTime['word'], at: string, nowMs: number): SaleTime {
  // The second that runs counts in full: at 17:59:50.3 it is 10 seconds to 18:00.
  const leftMs = Math.ceil((Date.parse(at) - nowMs) / 1_000) * 1_000;
  return { word, at, leftMs };
}
