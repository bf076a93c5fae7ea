// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { repeated, type SecondCounts, secondsOf } from '../../test/support/sale-seconds.ts';
import { claimedEach, ratesOf } from './rates.ts';

const five = { count: 5 };

describe('rates', () => {
  it('are the means of the last seconds, with the most frequent refusal first', () => {
    const before = repeated(20, { claimed: 1_000, paused: 7 });
    const last = [{ claimed: 10 }, {}, { sold_out: 5, rate_limited: 10 }, {}, { claimed: 5 }];
    expect(ratesOf(secondsOf([...before, ...last]), five)).toEqual({
      ...{ claimed: 3, accepted: 0, refused: 3 },
      refusals: [
        { code: 'rate_limited', perSecond: 2, isOfAnyCoupon: false },
        { code: 'sold_out', perSecond: 1, isOfAnyCoupon: false },
      ],
    });
  });

  it('list refusals that may be of any coupon, and do not add them to those of this one', () => {
    const seconds = secondsOf(repeated(5, { sold_out: 1 })).map((second) => ({
      ...second,
      unattributed: { rate_limited: 6, sold_out: 2 },
    }));
    expect(ratesOf(seconds, five)).toMatchObject({
      refused: 1,
      refusals: [
        { code: 'rate_limited', perSecond: 6, isOfAnyCoupon: true },
        { code: 'sold_out', perSecond: 2, isOfAnyCoupon: true },
        { code: 'sold_out', perSecond: 1, isOfAnyCoupon: false },
      ],
    });
  });

  it('count neither replays nor tickets as refusals', () => {
    const rates = ratesOf(secondsOf(repeated(5, { claimed: 1, replayed: 2, accepted: 3 })), five);
    expect(rates).toEqual({ claimed: 1, accepted: 3, refused: 0, refusals: [] });
  });

  it('are 0 where no claim came', () => {
    expect(ratesOf(secondsOf(repeated(5, {})), five)?.claimed).toBe(0);
  });

  it('leave out seconds that are not complete', () => {
    const seconds = secondsOf([...repeated(5, { claimed: 4 }), null, { claimed: 1 }, null]);
    const [cut] = seconds.splice(6, 1);
    if (cut !== undefined) seconds.splice(6, 0, { ...cut, isComplete: false });
    expect(ratesOf(seconds, five)?.claimed).toBe(4);
  });

  it('are means of fewer seconds where these are enough', () => {
    const seconds = secondsOf([...repeated(3, null), { claimed: 4 }, { claimed: 8 }]);
    expect(ratesOf(seconds, { count: 10, countMin: 2 })?.claimed).toBe(6);
    expect(ratesOf(seconds, { count: 10, countMin: 3 })).toBeUndefined();
  });

  it.each<[string, SecondCounts[]]>([
    ['nothing is known', []],
    ['fewer seconds are known', repeated(4, { claimed: 1 })],
    [
      'most of the last seconds are unknown',
      [...repeated(900, { claimed: 9 }), ...repeated(6, null)],
    ],
  ])('are unknown where %s', (_reason, list) => {
    expect(ratesOf(secondsOf(list), five)).toBeUndefined();
  });
});

describe('the rates of claims over a time', () => {
  it('are means of as many seconds up to the last one, 0 where no claim came', () => {
    const seconds = secondsOf([{ claimed: 9 }, { claimed: 10, sold_out: 7 }, {}, {}, {}]);
    expect(claimedEach(seconds, 2)).toEqual([5, 0]);
    expect(claimedEach(seconds, 5)).toEqual([3.8]);
    expect(claimedEach([], 2)).toEqual([]);
  });

  it('are unknown where counts are missing, and those before stand for nothing', () => {
    const [first, second, ...others] = secondsOf([...repeated(3, { claimed: 4 }), null]);
    const partly = { ...(second as NonNullable<typeof second>), isComplete: false };
    const seconds = [first as NonNullable<typeof first>, partly, ...others];
    expect(claimedEach(seconds, 1)).toEqual([4, null, 4, null]);
    expect(claimedEach(seconds, 2)).toEqual([null, null]);
  });
});
