// SPDX-License-Identifier: GPL-3.0-or-later

type Times = { counts: Float64Array; sum: number };

/**
 * A histogram of seconds for each outcome. Every claim adds to it, so adding is one increment in an array; the cumulative
 * counts are computed at a scrape.
 */
export class AnswerTimes {
  /** Upper bounds of the buckets, in seconds, ascending. Larger values are counted too. */
  private readonly bounds: readonly number[];
  private readonly byOutcome = new Map<string, Times>();

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
  }

  add(outcome: string, seconds: number): void {
    const { bounds } = this;
    let times = this.byOutcome.get(outcome);
    if (times === undefined) {
      times = { counts: new Float64Array(bounds.length + 1), sum: 0 };
      this.byOutcome.set(outcome, times);
    }
    let bucket = 0;
    while (bucket < bounds.length && seconds > (bounds[bucket] ?? 0)) bucket += 1;
    times.counts[bucket] = (times.counts[bucket] ?? 0) + 1;
    times.sum += seconds;
  }

  /** For each outcome: count, sum of seconds, and the count up to each bound. The last entry of `below` has no bound. */
  read(): { outcome: string; count: number; sum: number; below: number[] }[] {
    return [...this.byOutcome].map(([outcome, { counts, sum }]) => {
      let count = 0;
      const below = [...counts].map((inBucket) => {
        count += inBucket;
        return count;
      });
      return { outcome, count, sum, below };
    });
  }

  clear(): void {
    this.byOutcome.clear();
  }
}

/** The time from a claim's arrival to its answer, as a metric that the library can register. */
export function answerSeconds(answers: AnswerTimes, bounds: readonly number[]) {
  const [name, type, aggregator] = ['firstcome_claim_answer_seconds', 'histogram', 'sum'];
  const help = 'Time from the arrival of a claim to its answer, by outcome or error code.';
  const get = () => {
    const values = answers.read().flatMap(({ outcome, below, sum, count }) => [
      ...below.map((value, index) => ({
        labels: { le: bounds[index] ?? '+Inf', outcome },
        ...{ value, metricName: `${name}_bucket` },
      })),
      { labels: { outcome }, value: sum, metricName: `${name}_sum` },
      { labels: { outcome }, value: count, metricName: `${name}_count` },
    ]);
    return { name, help, type, aggregator, values };
  };
  return { name, help, type, aggregator, get, reset: () => answers.clear() };
}
