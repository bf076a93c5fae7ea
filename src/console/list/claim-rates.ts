// SPDX-License-Identifier: GPL-3.0-or-later
import type { OutcomeHistory } from '../../client.ts';

/** How fast a sale is claimed. What is unknown is null. */
export type ClaimRates = {
  /** Claims a second, each the mean of five seconds, the oldest first. */
  values: (number | null)[];
  /** Claims a second in the last five seconds. */
  last: number | null;
};

const bucketMs = 5_000;

/** The rates of a history. Seconds that it leaves out had no claims, except where counts are missing. */
export function claimRates({ from, until, seconds, unknown }: OutcomeHistory): ClaimRates {
  const untilMs = Date.parse(until);
  const count = Math.floor((untilMs - Date.parse(from)) / bucketMs);
  const beginMs = untilMs - count * bucketMs;
  const sums: (number | null)[] = Array(count).fill(0);
  const bucketOf = (atMs: number) => Math.floor((atMs - beginMs) / bucketMs);
  for (const second of seconds) {
    const bucket = bucketOf(Date.parse(second.at));
    const sum = sums[bucket];
    if (sum == null) continue;
    sums[bucket] = second.outcomes === null ? null : sum + (second.outcomes.claimed ?? 0);
  }
  for (const gap of unknown) {
    const last = bucketOf(Date.parse(gap.until) - 1);
    for (let bucket = Math.max(0, bucketOf(Date.parse(gap.from))); bucket <= last; bucket += 1) {
      if (bucket < count) sums[bucket] = null;
    }
  }
  const values = sums.map((sum) => (sum === null ? null : sum / (bucketMs / 1_000)));
  return { values, last: values.at(-1) ?? null };
}
