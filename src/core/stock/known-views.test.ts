// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { FixedClock } from '../../../test/support/fixed-clock.ts';
import { aCoupon } from '../../../test/support/stock-database.ts';
import { KnownViews } from './known-views.ts';
import type { TimedView } from './timed-view.ts';

/** A view whose snapshot was taken between two moments of this process and at one of the database. */
function timed(remaining: number, [afterMs, beforeMs]: [number, number], atMs: number): TimedView {
  return { view: { coupon: aCoupon('C', remaining), atMs }, afterMs, beforeMs };
}

function setup(viewsMax = 10) {
  const clock = new FixedClock();
  const known = new KnownViews(clock, viewsMax);
  const shown: number[] = [];
  known.getOrAdd('C').watchers.add(({ coupon }) => shown.push(coupon.remainingAmount));
  const kept = () => known.viewOf(known.get('C'))?.view.coupon.remainingAmount;
  return { clock, known, shown, kept };
}

describe('known views', () => {
  it('follow the clock of this process where it is certain, though that of the database has stepped back', () => {
    const { known, shown, kept } = setup();
    known.learn(timed(10, [1, 2], 5_000));
    known.learn(timed(9, [2, 3], 1_000));
    known.learn(timed(10, [0, 1], 9_000));
    expect(shown).toEqual([10, 9]);
    expect(kept()).toBe(9);
  });

  it('follow the clock of the database for watchers where that of this process is not certain', () => {
    const { known, shown } = setup();
    known.learn(timed(10, [1, 20], 5_000));
    known.learn(timed(9, [0, 20], 5_001));
    known.learn(timed(11, [2, 20], 4_999));
    expect(shown).toEqual([10, 9]);
  });

  it('keep for readers the view that is certainly the youngest', () => {
    const { known, kept } = setup();
    known.learn(timed(10, [10, 20], 5_000));
    known.learn(timed(9, [5, 20], 5_001));
    expect(kept()).toBe(10);
  });

  it('accept nothing from before they were forgotten', async () => {
    const { clock, known, shown, kept } = setup();
    known.learn(timed(10, [1, 2], 5_000));
    await clock.advance(10);
    known.forgetAll();
    expect(kept()).toBeUndefined();
    known.learn(timed(11, [9, 12], 9_000));
    known.learn(timed(9, [11, 12], 1_000));
    expect(shown).toEqual([10, 9]);
  });

  it('make room for another coupon, but never by one that is watched', () => {
    const { known } = setup(2);
    known.getOrAdd('D');
    known.getOrAdd('E');
    expect([...known.all()].map(({ couponName }) => couponName)).toEqual(['C', 'E']);
  });

  it('end a minute after the last read, unless they are watched or wanted', async () => {
    const { clock, known } = setup();
    known.getOrAdd('D');
    known.getOrAdd('E').wantedUntilMs = 70_000;
    await clock.advance(60_000);
    known.removeUnread();
    expect(known.get('D')).toBeDefined();
    await clock.advance(1);
    known.removeUnread();
    expect([...known.all()].map(({ couponName }) => couponName)).toEqual(['C', 'E']);
  });
});
