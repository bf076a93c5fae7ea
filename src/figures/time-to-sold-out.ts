// SPDX-License-Identifier: GPL-3.0-or-later
import { ratesOf } from './rates.ts';
import type { SaleSecond } from './sale-second.ts';

/** The estimate goes by the rate of so many seconds. */
export const estimateSeconds = 30;

// At the start of a sale there are no more.
const estimateSecondsMin = 5;

/**
 * In how many milliseconds `remaining` units are taken, if the rate of the last 30 seconds goes on. That is the rate at which
 * the stock is taken, which is net of units that were given back. Where it is undefined, it is the rate of the claims that were
 * counted. Undefined where nothing is left, where nothing is taken, and where fewer than five seconds are known.
 */
export function timeToSoldOutMs({
  remaining,
  takenPerSecond,
  seconds,
}: {
  remaining: number | undefined;
  takenPerSecond: number | undefined;
  seconds: readonly SaleSecond[];
}): number | undefined {
  if (!remaining) return undefined;
  const counted = { count: estimateSeconds, countMin: estimateSecondsMin };
  const taken = takenPerSecond ?? ratesOf(seconds, counted)?.claimed;
  if (taken === undefined || taken <= 0) return undefined;
  return (remaining / taken) * 1_000;
}
