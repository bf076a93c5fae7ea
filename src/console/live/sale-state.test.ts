// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import type { Overview, Refusal } from '../../client.ts';
import type { SaleSecond } from '../../figures/sale-second.ts';
import { quietSecond } from '../../figures/sale-seconds.ts';
import { SaleState } from './sale-state.ts';

const overview = { value: { claimed: 1 } as Overview, ageMs: 0 };

/** These seconds, of which each has its own number as its count. */
function tail(from: number, until: number): readonly SaleSecond[] {
  return Array.from({ length: until - from }, (_, place) => ({
    ...quietSecond((from + place) * 1_000),
    outcomes: { claimed: from + place },
  }));
}

const tailNews = (from: number, until: number, ageMs = 0) => ({
  tail: { value: tail(from, until), ageMs },
});

function claims(state: SaleState) {
  return state.sale(0, false).seconds.map(({ outcomes }) => outcomes?.claimed);
}

describe('a sale', () => {
  it('is connecting before data has arrived', () => {
    const state = new SaleState('drop');
    state.take({ refusal: { outcome: 'unavailable' } as Refusal }, 0);
    expect(state.sale(10_000, false)).toMatchObject({ status: 'connecting', seconds: [] });
  });

  it('is live for 3 seconds after its data, and stale then', () => {
    const state = new SaleState('drop');
    state.take({ overview }, 1_000);
    expect(state.sale(4_000, false)).toMatchObject({ status: 'live', arrivedAtMs: 1_000 });
    expect(state.sale(4_001, false).status).toBe('stale');
    expect(state.sale(4_001, true).status).toBe('asleep');
  });

  it('is as old as the older part of its data', () => {
    const state = new SaleState('drop');
    state.take({ overview }, 1_000);
    state.take(tailNews(0, 5), 1_000);
    state.take({ overview }, 9_000);
    expect(state.sale(9_000, false)).toMatchObject({ status: 'stale', arrivedAtMs: 1_000 });
    state.take(tailNews(5, 6), 9_000);
    expect(state.sale(9_000, false)).toMatchObject({ status: 'live', arrivedAtMs: 9_000 });
  });

  it('is as old in another tab', () => {
    const state = new SaleState('drop');
    state.take({ overview, ...tailNews(0, 5) }, 1_000);
    const other = new SaleState('drop');
    other.take(state.news(3_500), 70_000);
    expect(other.sale(70_000, false)).toMatchObject({ status: 'live', arrivedAtMs: 67_500 });
    expect(other.sale(70_000, false).seconds).toEqual(state.sale(3_500, false).seconds);
  });

  it('has its refusal until a call is not refused', () => {
    const state = new SaleState('drop');
    state.take({ refusal: { outcome: 'unavailable' } as Refusal }, 0);
    state.take(tailNews(0, 1), 0);
    expect(state.sale(0, false).refusal).toMatchObject({ outcome: 'unavailable' });
    state.take({ refusal: null }, 0);
    expect(state.sale(0, false).refusal).toBeUndefined();
  });
});

describe('the seconds of a sale in a tab', () => {
  it('are replaced from the first new one on', () => {
    const state = new SaleState('drop');
    expect(state.take(tailNews(0, 5), 0)).toBe(true);
    expect(state.take(tailNews(3, 6), 0)).toBe(true);
    expect(claims(state)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(state.take(tailNews(2, 4), 0)).toBe(true);
    expect(claims(state)).toEqual([0, 1, 2, 3]);
  });

  it('are unknown where some were missed, which the tab then asks for', () => {
    const state = new SaleState('drop');
    state.take(tailNews(0, 2), 0);
    expect(state.take(tailNews(4, 5), 0)).toBe(false);
    expect(claims(state)).toEqual([0, 1, undefined, undefined, 4]);
    expect(state.sale(0, false).seconds[2]).toMatchObject({ isComplete: false, outcomes: null });
  });

  it('are 900 at most', () => {
    const state = new SaleState('drop');
    state.take(tailNews(0, 900), 0);
    state.take(tailNews(900, 901), 0);
    expect(claims(state)).toHaveLength(900);
    expect(claims(state)[0]).toBe(1);
    state.take(tailNews(100_000, 100_001), 0);
    expect(claims(state)).toHaveLength(900);
    expect(claims(state).at(-2)).toBeUndefined();
  });
});
