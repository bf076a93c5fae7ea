// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { nextTime } from './sale-times.ts';

const opens = '2030-01-31T18:00:00.000Z';
const closes = '2030-01-31T19:00:00.000Z';
const window = { opens_at: opens, closes_at: closes };
const at = (text: string) => Date.parse(`2030-01-31T${text}Z`);

describe('the next time of a sale', () => {
  it.each([
    ['17:59:50.300', window, { word: 'Opens', at: opens, leftMs: 10_000 }],
    ['17:59:59.999', window, { word: 'Opens', at: opens, leftMs: 1_000 }],
    ['18:00:00.000', window, { word: 'Closes', at: closes, leftMs: 3_600_000 }],
    ['19:00:05.000', window, { word: 'Closed', at: closes, leftMs: -5_000 }],
    ['18:30:00.000', { opens_at: null, closes_at: closes }, { word: 'Closes', leftMs: 1_800_000 }],
    ['12:00:00.000', { opens_at: opens, closes_at: null }, { word: 'Opens', leftMs: 21_600_000 }],
  ])('at %s with %o is %o', (now, coupon, expected) => {
    expect(nextTime(coupon, at(now))).toMatchObject(expected);
  });

  it('is none where a sale has opened and never closes', () => {
    expect(nextTime({ opens_at: opens, closes_at: null }, at('18:00:00.000'))).toBeUndefined();
    expect(nextTime({ opens_at: null, closes_at: null }, at('18:00:00.000'))).toBeUndefined();
  });
});
