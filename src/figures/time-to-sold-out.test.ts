// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { repeated, type SecondCounts, secondsOf } from '../../test/support/sale-seconds.ts';
import { timeToSoldOutMs } from './time-to-sold-out.ts';

const estimate = (
  list: readonly SecondCounts[],
  remaining: number | undefined,
  takenPerSecond?: number,
) => timeToSoldOutMs({ remaining, takenPerSecond, seconds: secondsOf(list) });

describe('the time until a sale is sold out', () => {
  it('is how long the stock lasts at the rate at which it is taken', () => {
    expect(estimate(repeated(30, { claimed: 1_000 }), 600, 3)).toBe(200_000);
    for (const rate of [0, -1]) {
      expect(estimate(repeated(30, { claimed: 1_000 }), 600, rate)).toBeUndefined();
    }
  });

  it('goes by the claims of the last 30 seconds, where that rate is not known', () => {
    const seconds = [...repeated(15, { claimed: 2 }), ...repeated(15, { claimed: 4 })];
    expect(estimate([...repeated(9, { claimed: 1_000 }), ...seconds], 600)).toBe(200_000);
  });

  it('is known from five seconds on', () => {
    expect(estimate([...repeated(25, null), ...repeated(5, { claimed: 4 })], 600)).toBe(150_000);
  });

  it('is known from one claim in 30 seconds on', () => {
    expect(estimate([{ claimed: 1 }, ...repeated(29, {})], 10)).toBeCloseTo(300_000);
    expect(estimate(repeated(30, {}), 10)).toBeUndefined();
  });

  it.each<[string, SecondCounts[], number | undefined]>([
    ['nothing is left', repeated(30, { claimed: 4 }), 0],
    ['the stock is unknown', repeated(30, { claimed: 4 }), undefined],
    ['fewer seconds are known', repeated(4, { claimed: 4 }), 10],
  ])('is unknown where %s', (_reason, list, remaining) => {
    expect(estimate(list, remaining)).toBeUndefined();
  });
});
