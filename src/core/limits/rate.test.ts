// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { rateText, readRate } from './rate.ts';

describe('a rate', () => {
  it.each([
    ['50/1s', { requests: 50, seconds: 1 }],
    ['1/1s', { requests: 1, seconds: 1 }],
    ['600/1m', { requests: 600, seconds: 60 }],
    ['999999999/24h', { requests: 999_999_999, seconds: 86_400 }],
    ['5/86400s', { requests: 5, seconds: 86_400 }],
  ])('%s is read', (text, rate) => {
    expect(readRate(text)).toEqual(rate);
  });

  it.each([
    ...['', '50', '50/s', '0/1s', '50/0s', '-1/1s', '1.5/1s', '050/1s', '50/1 s', ' 50/1s'],
    ...['50/1d', '50/1ms', '50/1S', '1000000000/1s', '5/86401s', '5/25h', '5/1441m', '50/1s,5/1m'],
  ])('%j is refused', (text) => {
    expect(readRate(text)).toBeUndefined();
  });

  it.each(['50/1s', '50/90s', '600/1m', '600/90m', '10000/1h', '7/24h'])(
    '%s is written as it was read',
    (text) => {
      const rate = readRate(text);
      expect(rate && rateText(rate)).toBe(text);
    },
  );
});
