// SPDX-License-Identifier: GPL-3.0-or-later

const bucketsPerPower = 64;
const powerBits = 6;
const powers = 26;
// A quarter of an hour; longer durations count as this.
const microsecondsMax = 900_000_000;

/** The percentiles in a report, in milliseconds. */
export type Percentiles = {
  count: number;
  p50: number;
  p90: number;
  p99: number;
  p999: number;
  max: number;
};

/**
 * Counts durations in 64 buckets for each power of two of microseconds, so a percentile is at most 1/64 too high. An
 * addition costs a shift and an increment.
 */
export class Histogram {
  private readonly counts = new Float64Array(bucketsPerPower * powers);
  private total = 0;
  private largest = 0;

  /** How many durations are counted. */
  get count(): number {
    return this.total;
  }

  add(ms: number): void {
    const bucket = bucketOf(Math.round(ms * 1000));
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.total += 1;
    if (ms > this.largest) this.largest = ms;
  }

  /** The duration in milliseconds that `percent` of all do not exceed; exact for the longest; 0 without any. */
  percentileMs(percent: number): number {
    if (this.total === 0) return 0;
    if (percent >= 100) return this.largest;
    const wanted = Math.max(1, Math.ceil((percent / 100) * this.total));
    let seen = 0;
    for (let bucket = 0; bucket < this.counts.length; bucket += 1) {
      seen += this.counts[bucket] ?? 0;
      if (seen >= wanted) return Math.min(upperEndOf(bucket) / 1000, this.largest);
    }
    return this.largest;
  }

  percentiles(): Percentiles {
    return {
      count: this.total,
      p50: this.percentileMs(50),
      p90: this.percentileMs(90),
      p99: this.percentileMs(99),
      p999: this.percentileMs(99.9),
      max: this.largest,
    };
  }

  /** Points for a plot, from the median to the last distinguishable percentile. */
  curve(): [percent: number, ms: number][] {
    const points: [number, number][] = [];
    for (let halves = 0; halves <= 40; halves += 1) {
      const above = 2 ** (-halves / 2);
      if (above * this.total < 1) break;
      const percent = 100 * (1 - above);
      points.push([percent, this.percentileMs(percent)]);
    }
    if (this.total > 0) points.push([100, this.largest]);
    return points;
  }

  clear(): void {
    this.counts.fill(0);
    this.total = 0;
    this.largest = 0;
  }
}

/** Below 128 each microsecond has its own bucket; above, the seven highest bits select the bucket. */
function bucketOf(microseconds: number): number {
  if (microseconds < bucketsPerPower * 2) return Math.max(0, microseconds);
  if (microseconds > microsecondsMax) return bucketOf(microsecondsMax);
  const shift = 31 - Math.clz32(microseconds) - powerBits;
  return (shift << powerBits) + (microseconds >>> shift);
}

function upperEndOf(bucket: number): number {
  if (bucket < bucketsPerPower * 2) return bucket;
  const shift = (bucket >> powerBits) - 1;
  return ((bucket - (shift << powerBits) + 1) << shift) - 1;
}
