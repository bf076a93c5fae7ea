// SPDX-License-Identifier: GPL-3.0-or-later

/** Upper bounds of latencies, in seconds. */
const latencyBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5] as const;

/** How many latencies were at most each of `bounds`, and larger than the one before; the last count is of the rest. */
export type LatencyCounts = {
  bounds: readonly number[];
  counts: readonly number[];
  sumSeconds: number;
};

/** Counts latencies. */
export class LatencyCounter {
  private readonly counts: number[] = new Array(latencyBounds.length + 1).fill(0);
  private sumSeconds = 0;

  add(ms: number): void {
    const seconds = ms / 1_000;
    let index = 0;
    while (index < latencyBounds.length && seconds > (latencyBounds[index] as number)) index += 1;
    this.counts[index] = (this.counts[index] as number) + 1;
    this.sumSeconds += seconds;
  }

  state(): LatencyCounts {
    return { bounds: latencyBounds, counts: this.counts, sumSeconds: this.sumSeconds };
  }
}
