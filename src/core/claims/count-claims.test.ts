// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { FixedClock, flushPromises } from '../../../test/support/fixed-clock.ts';
import { type ClaimCounts, sharedCounts } from './count-claims.ts';

const counts: ClaimCounts = { reserved: 1, confirmed: 2, redeemed: 3, released: 4, atMs: 5 };

function setup() {
  const clock = new FixedClock();
  const counted: string[] = [];
  const database = { takesMs: 0, isSlow: false };
  const count = sharedCounts(async (couponName) => {
    counted.push(couponName);
    await clock.sleep(database.takesMs);
    if (database.isSlow) throw new Error('too slow');
    return counts;
  }, clock);
  return { clock, counted, database, count };
}

describe('shared counts', () => {
  it('are one read for all callers of a second', async () => {
    const { clock, counted, count } = setup();
    const answers = Promise.all([count('A'), count('A')]);
    await clock.advance(0);
    expect(await answers).toEqual([counts, counts]);
    await clock.advance(999);
    await count('A');
    expect(counted).toEqual(['A']);
    await clock.advance(1);
    void count('A');
    await clock.advance(0);
    expect(counted).toEqual(['A', 'A']);
  });

  it('are read again after 20 times as long as they took', async () => {
    const { clock, counted, database, count } = setup();
    database.takesMs = 2_000;
    void count('A');
    await clock.advance(2_000);
    await clock.advance(39_999);
    await count('A');
    expect(counted).toHaveLength(1);
    await clock.advance(1);
    void count('A');
    await flushPromises();
    expect(counted).toHaveLength(2);
  });

  it('of different coupons are read one behind the other', async () => {
    const { clock, counted, database, count } = setup();
    database.takesMs = 100;
    for (const name of ['A', 'B', 'C']) void count(name);
    await clock.advance(150);
    expect(counted).toEqual(['A', 'B']);
    await clock.advance(100);
    expect(counted).toEqual(['A', 'B', 'C']);
  });

  it('are undefined where they could not be read, and then not tried for a minute; later the last ones stay', async () => {
    const { clock, counted, database, count } = setup();
    database.isSlow = true;
    const answer = count('A');
    await clock.advance(0);
    expect(await answer).toBeUndefined();
    database.isSlow = false;
    await clock.advance(59_999);
    expect(await count('A')).toBeUndefined();
    await clock.advance(1);
    const next = count('A');
    await clock.advance(0);
    expect(await next).toEqual(counts);
    database.isSlow = true;
    await clock.advance(1_000);
    const failed = count('A');
    await clock.advance(0);
    expect(await failed).toEqual(counts);
    expect(counted).toHaveLength(3);
  });
});
