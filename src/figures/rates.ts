// SPDX-License-Identifier: GPL-3.0-or-later
import type { OutcomeSeconds } from './outcome-seconds.ts';

/** Outcomes that are no refusal: the user has the claim, or a ticket. */
const granted: ReadonlySet<string> = new Set(['claimed', 'replayed', 'accepted']);

/** Claims per second over some seconds. */
export type Rates = {
  /** New claims per second. */
  claimed: number;
  /** Refused claims per second by error code: all that occurred, the most frequent first. */
  refused: { code: string; perSecond: number; isOfAnyCoupon: boolean }[];
};

/**
 * The mean rates of the `count` seconds up to and including `last`, in claims per second. Seconds that are unknown count
 * neither as claims nor as time. Undefined: all of them are unknown.
 */
export function ratesOf(
  seconds: OutcomeSeconds,
  { last, count }: { last: number; count: number },
): Rates | undefined {
  let known = 0;
  let claimed = 0;
  const ofCoupon = new Map<string, number>();
  const ofAny = new Map<string, number>();
  for (let second = last - count + 1; second <= last; second += 1) {
    const counted = seconds.at(second);
    if (counted === undefined) continue;
    known += 1;
    claimed += counted.outcomes.claimed ?? 0;
    addRefusals(ofCoupon, counted.outcomes);
    addRefusals(ofAny, counted.unattributed);
  }
  if (known === 0) return undefined;
  const toRates = (counts: ReadonlyMap<string, number>, isOfAnyCoupon: boolean) =>
    [...counts].map(([code, sum]) => ({ code, perSecond: sum / known, isOfAnyCoupon }));
  const refused = [...toRates(ofCoupon, false), ...toRates(ofAny, true)];
  refused.sort((one, other) => other.perSecond - one.perSecond);
  return { claimed: claimed / known, refused };
}

function addRefusals(sums: Map<string, number>, counts: Record<string, number>): void {
  for (const [code, count] of Object.entries(counts)) {
    if (count > 0 && !granted.has(code)) sums.set(code, (sums.get(code) ?? 0) + count);
  }
}
