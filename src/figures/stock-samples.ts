// SPDX-License-Identifier: GPL-3.0-or-later

/** The stock of a coupon at one moment, as an overview has it. */
export type StockSample = {
  /** By the clock of the database, in milliseconds since 1970. */
  atMs: number;
  /** Live claims: units offered minus units that remain. Added stock does not change it. */
  claimed: number;
};

/** The stock of a coupon over the last seconds, up to a limit. */
export class StockSamples {
  private readonly secondsMax: number;
  private samples: StockSample[] = [];

  constructor(secondsMax: number) {
    this.secondsMax = secondsMax;
  }

  /** Takes a sample. One that is not newer than the last has no effect, unless the clock of the service was set back. */
  add(sample: StockSample): void {
    const ageMs = (this.samples.at(-1)?.atMs ?? Number.NEGATIVE_INFINITY) - sample.atMs;
    if (ageMs > this.secondsMax * 1_000) this.samples = [];
    else if (ageMs >= 0) return;
    this.samples.push(sample);
    const oldestMs = sample.atMs - this.secondsMax * 1_000;
    const kept = this.samples.findIndex(({ atMs }) => atMs >= oldestMs);
    if (kept > 0) this.samples.splice(0, kept);
  }

  /**
   * Units taken per second over the last `seconds`, net of units that were given back; below 0 where more came back. Undefined
   * where the samples cover less than half of this time.
   */
  takenPerSecond(seconds: number): number | undefined {
    const newest = this.samples.at(-1);
    if (newest === undefined) return undefined;
    const oldest = this.samples.find(({ atMs }) => atMs >= newest.atMs - seconds * 1_000);
    if (oldest === undefined) return undefined;
    const coveredMs = newest.atMs - oldest.atMs;
    if (coveredMs < (seconds * 1_000) / 2) return undefined;
    return ((newest.claimed - oldest.claimed) * 1_000) / coveredMs;
  }
}
