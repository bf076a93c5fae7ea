// SPDX-License-Identifier: GPL-3.0-or-later
/** How fast a sale goes, from its last seconds. What is unknown is null. */
import type { SaleSecond } from '../live/sale-data.ts';

/** Claims a second, in the mean of the last five complete seconds. */
export type SaleRates = {
  claimed: number;
  /** Claims that got a ticket. */
  accepted: number;
  /** All refusals. */
  refused: number;
  /** Refusals by error code, the most frequent ones first. */
  refusals: { code: string; rate: number }[];
};

const rateSeconds = 5;
const estimateSeconds = 30;
// Where fewer seconds are complete than are needed, older ones do not stand for them.
const incompleteMax = 5;
// At the start of a sale there are no more.
const estimateSecondsMin = 5;
const answered = new Set(['claimed', 'replayed', 'accepted']);

/** The rates of the last seconds. Null where too few of them are complete. */
export function saleRates(seconds: readonly SaleSecond[]): SaleRates | null {
  const counts = completeCounts(seconds, rateSeconds);
  if (counts === null) return null;
  const codes = new Set(counts.flatMap((outcomes) => Object.keys(outcomes)));
  const refusals = [...codes]
    .filter((code) => !answered.has(code))
    .map((code) => ({ code, rate: meanOf(counts, code) }))
    .sort((one, other) => other.rate - one.rate || one.code.localeCompare(other.code));
  const refused = refusals.reduce((sum, { rate }) => sum + rate, 0);
  const [claimed, accepted] = [meanOf(counts, 'claimed'), meanOf(counts, 'accepted')];
  return { claimed, accepted, refused, refusals };
}

/**
 * In how many milliseconds the stock is sold out if the claims of the last 30 seconds go on. Null where nothing is left, where
 * there was no claim in this time, or where fewer than five of these seconds are complete.
 */
export function timeToSoldOutMs(
  seconds: readonly SaleSecond[],
  remaining: number | undefined,
): number | null {
  const counts = completeCounts(seconds, estimateSeconds, estimateSecondsMin);
  if (counts === null || !remaining) return null;
  const rate = meanOf(counts, 'claimed');
  return rate === 0 ? null : (remaining / rate) * 1_000;
}

type Counts = Record<string, number>;

/** The outcomes of the last complete seconds, up to so many. Null where there are fewer than `countMin`. */
function completeCounts(
  seconds: readonly SaleSecond[],
  count: number,
  countMin = count,
): Counts[] | null {
  const complete = seconds
    .slice(-count - incompleteMax)
    .flatMap(({ isComplete, outcomes }) => (isComplete && outcomes !== null ? [outcomes] : []))
    .slice(-count);
  return complete.length < countMin ? null : complete;
}

function meanOf(counts: readonly Counts[], code: string): number {
  return counts.reduce((sum, outcomes) => sum + (outcomes[code] ?? 0), 0) / counts.length;
}
