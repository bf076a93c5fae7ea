// SPDX-License-Identifier: GPL-3.0-or-later
import type { SaleSecond } from './sale-second.ts';

/** Outcomes that are no refusal: the user has the claim, or a ticket. */
export const granted: ReadonlySet<string> = new Set(['claimed', 'replayed', 'accepted']);

/** Rates of the present moment are means of so many seconds. */
export const rateSeconds = 5;

/** Refused claims a second, with one error code. */
export type RefusalRate = {
  code: string;
  perSecond: number;
  /** They were refused before their body was read, so they may be of any coupon. */
  isOfAnyCoupon: boolean;
};

/** Claims a second, in the mean of some seconds. */
export type Rates = {
  claimed: number;
  /** Claims that got a ticket. Their decisions are counted too. */
  accepted: number;
  /** All refusals of claims that are of this coupon. */
  refused: number;
  /** All that occurred, the most frequent first. */
  refusals: RefusalRate[];
};

// Where fewer seconds are complete than are needed, older ones do not stand for them.
const incompleteMax = 5;

/**
 * The rates of the last `count` complete seconds, of which up to five may be followed by ones that are not complete.
 * `seconds` are in order and without gaps. Undefined: fewer than `countMin` are complete.
 */
export function ratesOf(
  seconds: readonly SaleSecond[],
  { count, countMin = count }: { count: number; countMin?: number },
): Rates | undefined {
  const counted = seconds
    .slice(-count - incompleteMax)
    .flatMap(({ isComplete, outcomes, unattributed }) =>
      isComplete && outcomes !== null ? [{ outcomes, unattributed: unattributed ?? {} }] : [],
    )
    .slice(-count);
  if (counted.length < countMin) return undefined;
  const ofCoupon = meansOf(counted.map(({ outcomes }) => outcomes));
  const ofAny = meansOf(counted.map(({ unattributed }) => unattributed));
  const refusalsIn = (means: ReadonlyMap<string, number>, isOfAnyCoupon: boolean) =>
    [...means]
      .filter(([code, perSecond]) => perSecond > 0 && !granted.has(code))
      .map(([code, perSecond]) => ({ code, perSecond, isOfAnyCoupon }));
  const own = refusalsIn(ofCoupon, false);
  const refusals = [...own, ...refusalsIn(ofAny, true)].sort(
    (one, other) => other.perSecond - one.perSecond || one.code.localeCompare(other.code),
  );
  return {
    claimed: ofCoupon.get('claimed') ?? 0,
    accepted: ofCoupon.get('accepted') ?? 0,
    refused: own.reduce((sum, { perSecond }) => sum + perSecond, 0),
    refusals,
  };
}

/**
 * The claims a second over all of `seconds`, each the mean of `count` of them, the oldest first. The last one ends with the last
 * second; older seconds that make no `count` are left out. Null: counts are missing.
 */
export function claimedEach(seconds: readonly SaleSecond[], count: number): (number | null)[] {
  const means: (number | null)[] = [];
  for (let first = seconds.length % count; first < seconds.length; first += count) {
    means.push(ratesOf(seconds.slice(first, first + count), { count })?.claimed ?? null);
  }
  return means;
}

function meansOf(counts: readonly Record<string, number>[]): Map<string, number> {
  const sums = new Map<string, number>();
  for (const one of counts) {
    for (const [code, count] of Object.entries(one)) sums.set(code, (sums.get(code) ?? 0) + count);
  }
  return new Map([...sums].map(([code, sum]) => [code, sum / counts.length]));
}
