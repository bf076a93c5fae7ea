// SPDX-License-Identifier: GPL-3.0-or-later
import type { OutcomeSeconds } from './outcome-seconds.ts';
import type { StockSample } from './stock-samples.ts';

/**
 * How many units were claimed at the end of each second before a sample, from `from` on, by the claims that were counted
 * since. It is right where no claim was released meanwhile. Seconds before one that is unknown are left out. The counts of
 * the last two seconds before the sample may not be there yet: then it is too high by the claims of these, until they are.
 */
export function claimedBefore(
  { atMs, claimed }: StockSample,
  seconds: OutcomeSeconds,
  from: number,
): ReadonlyMap<number, number> {
  const before = new Map<number, number>();
  let left = claimed;
  for (let second = Math.floor(atMs / 1000) - 1; second >= from; second -= 1) {
    before.set(second, left);
    const counted = seconds.at(second);
    if (counted === undefined && second <= (seconds.last ?? Number.POSITIVE_INFINITY)) break;
    left = Math.max(0, left - (counted?.outcomes.claimed ?? 0));
  }
  return before;
}
