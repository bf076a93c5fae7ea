// SPDX-License-Identifier: GPL-3.0-or-later
import { expect, it } from 'vitest';
import { acceptedAgeMs } from './cache-control.ts';

it.each([
  [undefined, 0, 0],
  [undefined, 500, 500],
  ['max-age=2', 0, 2_000],
  ['max-age=2', 500, 2_000],
  ['max-age=1', 5_000, 1_000],
  ['Max-Age="3"', 0, 3_000],
  ['max-age=0', 500, 0],
  ['no-cache', 500, 0],
  ['NO-STORE', 500, 0],
  ['no-cache="set-cookie"', 500, 0],
  ['max-age=5, no-cache', 0, 0],
  ['max-age=5,max-age=1 , max-age=9', 0, 1_000],
  ['max-stale=10, only-if-cached', 500, 500],
  ['max-age', 500, 500],
  ['max-age=', 500, 500],
  ['max-age=-1', 500, 500],
  ['max-age=1.5', 500, 500],
  ['max-age = 1', 500, 500],
  ['max-age=x, max-age=2', 0, 2_000],
  ['', 500, 500],
  [',,=,', 500, 500],
  ['max-age=99999999999999999999999999', 0, 60_000],
  ['max-age=3600', 0, 60_000],
])('Cache-Control %j with the default %i accepts %i ms', (cacheControl, defaultMs, ms) => {
  expect(acceptedAgeMs(cacheControl, { maxAgeMs: defaultMs })).toBe(ms);
  expect(acceptedAgeMs(cacheControl, undefined)).toBe(0);
});
