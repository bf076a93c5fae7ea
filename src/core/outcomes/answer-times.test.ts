// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { addTimes, bucketCount, bucketOf, percentileOf } from './answer-times.ts';

/** The counts of these times in milliseconds. */
function countsOf(...times: number[]): number[] {
  const counts = Array.from({ length: bucketCount }, () => 0);
  for (const ms of times) addTimes(counts, [...Array(bucketOf(ms)).fill(0), 1]);
  return counts;
}

describe('the times of answers', () => {
  it.each([0, 0.5, 1, 1.1, 7, 250, 4_999, 32_000])(
    '%d ms are in a bucket that ends at most a fifth above',
    (ms) => {
      const shown = percentileOf(countsOf(ms), 0.5) as number;
      expect(shown).toBeGreaterThanOrEqual(Math.min(ms, 1) === ms ? 1 : ms - 0.05);
      expect(shown).toBeLessThanOrEqual(Math.max(ms, 1) * 1.2);
    },
  );

  it('take any number, and put what is longer than half a minute into the last bucket', () => {
    expect([Number.NaN, -1, 1e9].map(bucketOf)).toEqual([0, 0, bucketCount - 1]);
  });

  it('have percentiles by rank', () => {
    const counts = countsOf(...Array(98).fill(2), 64, 1_024);
    expect([0.5, 0.98, 0.99, 1].map((share) => percentileOf(counts, share))).toEqual([
      2, 2, 64, 1_024,
    ]);
    expect(percentileOf([], 0.5)).toBeUndefined();
  });
});
