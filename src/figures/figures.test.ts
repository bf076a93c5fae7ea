// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import type { OutcomeHistory, OutcomeSecond } from '../client.ts';
import { claimedBefore } from './claimed-before.ts';
import { OutcomeSeconds } from './outcome-seconds.ts';
import { ratesOf } from './rates.ts';
import { StockSamples } from './stock-samples.ts';
import { secondsToSoldOut } from './time-to-sold-out.ts';

const timeOf = (second: number) => new Date(second * 1000).toISOString();

function secondWith(second: number, more: Partial<OutcomeSecond> = {}): OutcomeSecond {
  return {
    ...{ at: timeOf(second), complete: true, outcomes: {}, unattributed: {} },
    ...{ p50_ms: null, p99_ms: null, waiting_claims: 0, remaining_amount: null, ...more },
  };
}

function historyOf(
  from: number,
  until: number,
  more: Partial<OutcomeHistory> = {},
): OutcomeHistory {
  return {
    ...{ coupon_name: 'A', from: timeOf(from), until: timeOf(until) },
    ...{ seconds: [], unknown: [], ...more },
  };
}

describe('the seconds of a sale', () => {
  it('have no claims where the history leaves one out, and are unknown where it says so', () => {
    const seconds = new OutcomeSeconds(100);
    seconds.addHistory(
      historyOf(50, 60, {
        seconds: [
          secondWith(52, { outcomes: { claimed: 3 } }),
          secondWith(53, { complete: false }),
        ],
        unknown: [{ from: timeOf(40), until: timeOf(51) }],
      }),
    );
    expect([49, 50, 60].map((second) => seconds.at(second))).toEqual(Array(3).fill(undefined));
    expect(seconds.at(51)).toEqual({ outcomes: {}, unattributed: {} });
    expect(seconds.at(52)?.outcomes).toEqual({ claimed: 3 });
    expect(seconds.at(53)).toBeUndefined();
    expect(seconds.last).toBe(59);
  });

  it('replace a second that comes again, and forget the oldest ones', () => {
    const seconds = new OutcomeSeconds(3);
    for (const second of [1, 2, 3]) seconds.add(secondWith(second, { outcomes: { claimed: 1 } }));
    seconds.add(secondWith(2, { outcomes: { claimed: 9 } }));
    expect(seconds.at(2)?.outcomes).toEqual({ claimed: 9 });
    seconds.add(secondWith(5));
    seconds.add(secondWith(1));
    expect([1, 2, 3, 5].map((second) => seconds.at(second) !== undefined)).toEqual([
      ...[false, false, true, true],
    ]);
  });

  it('have the units that were left, where these were read', () => {
    const seconds = new OutcomeSeconds(3);
    seconds.add(secondWith(1, { remaining_amount: 9 }));
    seconds.add(secondWith(2, { remaining_amount: 8, complete: false }));
    seconds.add(secondWith(3));
    expect([1, 2, 3].map((second) => seconds.remainingIn(second))).toEqual([9, 8, undefined]);
    seconds.add(secondWith(4));
    seconds.add(secondWith(1, { remaining_amount: 7 }));
    expect([1, 2].map((second) => seconds.remainingIn(second))).toEqual([undefined, 8]);
  });

  it('know whether one was left out', () => {
    const seconds = new OutcomeSeconds(10);
    expect(seconds.lacksSome(0)).toBe(true);
    seconds.add(secondWith(5));
    expect(seconds.lacksSome(5)).toBe(false);
    seconds.add(secondWith(7, { complete: false }));
    expect(seconds.lacksSome(5)).toBe(true);
    seconds.add(secondWith(6));
    expect(seconds.lacksSome(5)).toBe(false);
  });
});

describe('rates', () => {
  it('are means of the seconds that are known, with the most frequent refusal first', () => {
    const seconds = new OutcomeSeconds(10);
    seconds.add(secondWith(1, { outcomes: { claimed: 100, sold_out: 2 } }));
    seconds.add(
      secondWith(2, { outcomes: { claimed: 50, replayed: 9 }, unattributed: { rate_limited: 6 } }),
    );
    seconds.add(secondWith(3, { complete: false, outcomes: { claimed: 1 } }));
    expect(ratesOf(seconds, { last: 3, count: 3 })).toEqual({
      claimed: 75,
      refused: [
        { code: 'rate_limited', perSecond: 3, isOfAnyCoupon: true },
        { code: 'sold_out', perSecond: 1, isOfAnyCoupon: false },
      ],
    });
    expect(ratesOf(seconds, { last: 2, count: 1 })?.claimed).toBe(50);
  });

  it('are unknown, and not 0, where no second is known', () => {
    const seconds = new OutcomeSeconds(10);
    seconds.add(secondWith(3, { outcomes: null }));
    expect(ratesOf(seconds, { last: 3, count: 1 })).toBeUndefined();
    seconds.add(secondWith(4));
    expect(ratesOf(seconds, { last: 4, count: 1 })).toEqual({ claimed: 0, refused: [] });
  });
});

describe('samples of the stock', () => {
  it('say how many units are taken, less those that came back', () => {
    const samples = new StockSamples(60);
    for (const [second, claimed] of [
      [0, 0],
      [90, 100],
      [95, 150],
      [100, 140],
    ] as const) {
      samples.add({ atMs: second * 1000, claimed });
    }
    expect(samples.takenPerSecond(10)).toBe(4);
    expect(samples.first?.claimed).toBe(100);
    expect(samples.in(95)?.claimed).toBe(150);
    expect(samples.in(96)).toBeUndefined();
  });

  it('say nothing before they cover half of the time, and ignore an older one', () => {
    const samples = new StockSamples(60);
    samples.add({ atMs: 10_000, claimed: 5 });
    samples.add({ atMs: 9_000, claimed: 0 });
    expect(samples.takenPerSecond(10)).toBeUndefined();
    samples.add({ atMs: 14_900, claimed: 50 });
    expect(samples.takenPerSecond(10)).toBeUndefined();
    samples.add({ atMs: 15_000, claimed: 55 });
    expect(samples.takenPerSecond(10)).toBe(10);
  });
});

describe('the time to sold out', () => {
  it('is unknown without a rate, and where nothing is taken', () => {
    expect(secondsToSoldOut(100, 4)).toBe(25);
    expect(secondsToSoldOut(0, undefined)).toBe(0);
    for (const rate of [undefined, 0, -1]) expect(secondsToSoldOut(100, rate)).toBeUndefined();
  });
});

describe('the claims before a sample', () => {
  it('are counted back from it, and end at a second that is unknown', () => {
    const seconds = new OutcomeSeconds(100);
    seconds.addHistory(
      historyOf(0, 8, {
        seconds: [7, 5, 2].map((second) => secondWith(second, { outcomes: { claimed: 10 } })),
        unknown: [{ from: timeOf(3), until: timeOf(4) }],
      }),
    );
    // The second 8 is not reported yet.
    expect([...claimedBefore({ atMs: 9_500, claimed: 100 }, seconds, 0)]).toEqual([
      ...[
        [8, 100],
        [7, 100],
        [6, 90],
        [5, 90],
        [4, 80],
        [3, 80],
      ],
    ]);
  });

  it('are unknown while no second is', () => {
    const before = claimedBefore({ atMs: 9_500, claimed: 100 }, new OutcomeSeconds(9), 0);
    expect([...before.keys()]).toEqual([8]);
  });
});
