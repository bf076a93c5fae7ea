// SPDX-License-Identifier: GPL-3.0-or-later
import type { SaleSecond } from '../../src/figures/sale-second.ts';

/** The counts of a second; null where they are unknown. */
export type SecondCounts = SaleSecond['outcomes'];

/** Consecutive seconds with these counts. The first one begins at `fromMs`, in milliseconds since 1970. */
export function secondsOf(list: readonly SecondCounts[], fromMs = 0): SaleSecond[] {
  return list.map((outcomes, place) => ({
    ...{ atMs: fromMs + place * 1_000, isComplete: outcomes !== null, outcomes },
    ...{ unattributed: outcomes && {}, p50Ms: null, p99Ms: null },
    ...{ waitingClaims: null, remaining: null },
  }));
}

/** So many seconds with the same counts. */
export function repeated(count: number, counts: SecondCounts): SecondCounts[] {
  return Array(count).fill(counts);
}
