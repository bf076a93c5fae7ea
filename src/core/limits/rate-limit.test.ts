// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { RateLimit, type RequestCounts, type WindowCount, withInsurance } from './rate-limit.ts';

const rate = { requests: 10, seconds: 60 };

/** A limit whose counts a test scripts, and whose clock it sets. */
function setup(...windows: WindowCount[]) {
  const clock = { now: 1000, nowMs: () => clock.now };
  const added: [string, number][] = [];
  const counts: RequestCounts = {
    async add(key, requests) {
      added.push([key, requests]);
      return windows.shift() ?? { requests, endsInMs: 60_000 };
    },
    addEach: (requests) => Promise.all([...requests].map(([key, count]) => counts.add(key, count))),
  };
  const limit = new RateLimit({ name: 'ip', rate, counts, clock });
  return { limit, clock, added };
}

describe('a rate limit', () => {
  it('allows what the window has room for: of many requests at once, the first ones', async () => {
    const { limit, added } = setup(
      { requests: 4, endsInMs: 30_000 },
      { requests: 10, endsInMs: 20_001 },
    );
    expect(await limit.take('a', 4)).toEqual({ limit, allowed: 4, remaining: 6, resetSeconds: 30 });
    expect(await limit.take('a', 6)).toEqual({ limit, allowed: 6, remaining: 0, resetSeconds: 21 });
    expect(added).toEqual([
      ['a', 4],
      ['a', 6],
    ]);
    const { limit: fuller } = setup({ requests: 13, endsInMs: 10 });
    expect(await fuller.take('a', 5)).toMatchObject({ allowed: 2, remaining: 0, resetSeconds: 1 });
    const { limit: full } = setup({ requests: 25, endsInMs: 10 });
    expect(await full.take('a', 5)).toMatchObject({ allowed: 0, remaining: 0 });
  });

  it('refuses a key that has used up its window without counting, until the window ends', async () => {
    const { limit, clock, added } = setup({ requests: 10, endsInMs: 30_000 });
    expect(limit.refusalOf('a')).toBeUndefined();
    expect(await limit.take('a')).toMatchObject({ allowed: 1, remaining: 0 });
    clock.now += 29_500;
    expect(limit.refusalOf('a')).toEqual({ limit, allowed: 0, remaining: 0, resetSeconds: 1 });
    expect(await limit.take('a')).toMatchObject({ allowed: 0 });
    expect(limit.refusalOf('b')).toBeUndefined();
    expect(added).toHaveLength(1);
    clock.now += 500;
    expect(limit.refusalOf('a')).toBeUndefined();
    expect(await limit.take('a')).toMatchObject({ allowed: 1, remaining: 9 });
  });

  it('counts requests of many keys at once, and none of keys that have used up their window', async () => {
    const { limit, added } = setup(
      { requests: 10, endsInMs: 30_000 },
      { requests: 3, endsInMs: 20_000 },
      { requests: 12, endsInMs: 10_000 },
    );
    await limit.take('full');
    const requests = new Map([
      ['a', 3],
      ['full', 2],
      ['b', 5],
    ]);
    expect(Object.fromEntries(await limit.takeEach(requests))).toEqual({
      a: { limit, allowed: 3, remaining: 7, resetSeconds: 20 },
      full: { limit, allowed: 0, remaining: 0, resetSeconds: 30 },
      b: { limit, allowed: 3, remaining: 0, resetSeconds: 10 },
    });
    expect(added).toEqual([
      ['full', 1],
      ['a', 3],
      ['b', 5],
    ]);
  });

  it('never says that a window ends later than a new one, whatever a wall clock did', async () => {
    const { limit, clock } = setup(
      { requests: 11, endsInMs: 3_600_000 },
      { requests: 1, endsInMs: -5 },
    );
    expect(await limit.take('a')).toMatchObject({ allowed: 0, resetSeconds: 60 });
    clock.now += 60_000;
    expect(await limit.take('a')).toMatchObject({ allowed: 1, resetSeconds: 1 });
  });
});

describe('counts with an insurance', () => {
  it('are those of this process while the shared ones are away', async () => {
    let isAway = true;
    const counts = withInsurance(
      {
        add: async () => {
          if (isAway) throw new Error('away');
          return { requests: 7, endsInMs: 1 };
        },
        addEach: async () => {
          throw new Error('away');
        },
      },
      {
        add: async () => ({ requests: 1, endsInMs: 2 }),
        addEach: async () => [{ requests: 3, endsInMs: 4 }],
      },
    );
    expect(await counts.add('a', 1)).toEqual({ requests: 1, endsInMs: 2 });
    expect(await counts.addEach(new Map([['a', 1]]))).toEqual([{ requests: 3, endsInMs: 4 }]);
    isAway = false;
    expect(await counts.add('a', 1)).toEqual({ requests: 7, endsInMs: 1 });
  });
});
