// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import type { SaleSecond } from '../live/sale-data.ts';
import { saleRates, timeToSoldOutMs } from './sale-rates.ts';

type Outcomes = SaleSecond['outcomes'];

function secondsOf(list: Outcomes[]): SaleSecond[] {
  return list.map((outcomes, place) => ({
    ...{ atMs: place * 1_000, isComplete: outcomes !== null, outcomes },
    ...{ p50Ms: null, p99Ms: null, waitingClaims: null, remaining: null },
  }));
}

const times = (count: number, outcomes: Outcomes): Outcomes[] => Array(count).fill(outcomes);

describe('rates', () => {
  it('are the means of the last five seconds', () => {
    const before = times(20, { claimed: 1_000, paused: 7 });
    const last = [{ claimed: 10 }, {}, { sold_out: 5, rate_limited: 10 }, {}, { claimed: 5 }];
    expect(saleRates(secondsOf([...before, ...last]))).toEqual({
      ...{ claimed: 3, accepted: 0, refused: 3 },
      refusals: [
        { code: 'rate_limited', rate: 2 },
        { code: 'sold_out', rate: 1 },
      ],
    });
  });

  it('count neither replays nor tickets as refusals', () => {
    const rates = saleRates(secondsOf(times(5, { claimed: 1, replayed: 2, accepted: 3 })));
    expect(rates).toEqual({ claimed: 1, accepted: 3, refused: 0, refusals: [] });
  });

  it('are 0 where no claim came', () => {
    expect(saleRates(secondsOf(times(5, {})))?.claimed).toBe(0);
  });

  it('leave out seconds that are not complete', () => {
    const seconds = secondsOf([...times(5, { claimed: 4 }), null, { claimed: 1 }, null]);
    const [cut] = seconds.splice(6, 1);
    if (cut !== undefined) seconds.splice(6, 0, { ...cut, isComplete: false });
    expect(saleRates(seconds)?.claimed).toBe(4);
  });

  it.each([
    ['nothing is known', []],
    ['fewer seconds are known', times(4, { claimed: 1 })],
    ['most of the last seconds are unknown', [...times(900, { claimed: 9 }), ...times(6, null)]],
  ])('are unknown where %s', (_reason, list) => {
    expect(saleRates(secondsOf(list))).toBeNull();
  });
});

describe('the time until a sale is sold out', () => {
  it('is how long the stock lasts at the rate of the last 30 seconds', () => {
    const seconds = secondsOf([...times(15, { claimed: 2 }), ...times(15, { claimed: 4 })]);
    expect(timeToSoldOutMs(seconds, 600)).toBe(200_000);
  });

  it('is known from five seconds on', () => {
    const seconds = secondsOf([...times(25, null), ...times(5, { claimed: 4 })]);
    expect(timeToSoldOutMs(seconds, 600)).toBe(150_000);
  });

  it('is known from one claim in 30 seconds on', () => {
    const seconds = secondsOf([{ claimed: 1 }, ...times(29, {})]);
    expect(timeToSoldOutMs(seconds, 10)).toBeCloseTo(300_000);
    expect(timeToSoldOutMs(secondsOf(times(30, {})), 10)).toBeNull();
  });

  it.each([
    ['nothing is left', times(30, { claimed: 4 }), 0],
    ['the stock is unknown', times(30, { claimed: 4 }), undefined],
    ['fewer seconds are known', times(4, { claimed: 4 }), 10],
  ])('is unknown where %s', (_reason, list, remaining) => {
    expect(timeToSoldOutMs(secondsOf(list), remaining)).toBeNull();
  });
});
