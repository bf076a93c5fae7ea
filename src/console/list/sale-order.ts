// SPDX-License-Identifier: GPL-3.0-or-later
import type { CouponState, CouponSummary } from '../../client.ts';

/** The sales of one state in order: scheduled ones that open soonest first, closed ones that closed last first. */
export function inOrder(state: CouponState, sales: readonly CouponSummary[]): CouponSummary[] {
  const time = (text: string | null) =>
    text === null ? Number.NEGATIVE_INFINITY : Date.parse(text);
  if (state === 'scheduled') {
    return sales.toSorted((first, second) => time(first.opens_at) - time(second.opens_at));
  }
  if (state === 'closed') {
    return sales.toSorted((first, second) =>
      compare(time(second.closes_at), time(first.closes_at)),
    );
  }
  return [...sales];
}

// The difference of two infinities is no number.
function compare(first: number, second: number): number {
  return first === second ? 0 : first - second;
}
