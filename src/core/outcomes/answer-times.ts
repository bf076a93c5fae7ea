// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * How long answers took, as counts in buckets, so that those of several processes and seconds can be added. Bucket n holds
 * times up to `2 ** (n / 4)` milliseconds that no earlier one holds: a percentile is at most a fifth too high. The table
 * `outcome_seconds` has these counts, so the buckets of a release are those of all.
 */

const bucketsPerDouble = 4;

/** The number of buckets. The last one holds everything above half a minute. */
export const bucketCount = 61;

/** The bucket of a time in milliseconds. */
export function bucketOf(ms: number): number {
  if (!(ms > 1)) return 0;
  return Math.min(Math.ceil(Math.log2(ms) * bucketsPerDouble), bucketCount - 1);
}

/** Adds counts to others, bucket by bucket. */
export function addTimes(to: number[], counts: readonly number[]): void {
  counts.forEach((count, bucket) => {
    to[bucket] = (to[bucket] ?? 0) + count;
  });
}

/**
 * The time in milliseconds that this share of the answers did not exceed: the upper end of its bucket. Undefined where
 * nothing was counted.
 */
export function percentileOf(counts: readonly number[], share: number): number | undefined {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return undefined;
  let left = Math.ceil(total * share);
  const bucket = counts.findIndex((count) => {
    left -= count;
    return left <= 0;
  });
  return Math.round(2 ** (bucket / bucketsPerDouble) * 10) / 10;
}
