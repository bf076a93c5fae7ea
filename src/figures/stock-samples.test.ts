// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { StockSamples } from './stock-samples.ts';

/** Samples at these seconds. */
function samplesOf(...list: [second: number, claimed: number][]): StockSamples {
  const samples = new StockSamples(60);
  for (const [second, claimed] of list) samples.add({ atMs: second * 1_000, claimed });
  return samples;
}

describe('samples of the stock', () => {
  it('say how many units are taken, less those that came back', () => {
    const samples = samplesOf([0, 0], [90, 100], [95, 150], [100, 140]);
    expect(samples.takenPerSecond(10)).toBe(4);
  });

  it('say nothing before they cover half of the time', () => {
    expect(samplesOf().takenPerSecond(10)).toBeUndefined();
    expect(samplesOf([10, 5], [14.9, 50]).takenPerSecond(10)).toBeUndefined();
    expect(samplesOf([10, 5], [14.9, 50], [15, 55]).takenPerSecond(10)).toBe(10);
  });

  it('ignore one that is a little older, and begin anew when the clock is set back', () => {
    const samples = samplesOf([100, 0], [110, 50], [109, 900]);
    expect(samples.takenPerSecond(10)).toBe(5);
    samples.add({ atMs: 40_000, claimed: 60 });
    expect(samples.takenPerSecond(10)).toBeUndefined();
    samples.add({ atMs: 50_000, claimed: 70 });
    expect(samples.takenPerSecond(10)).toBe(1);
  });
});
