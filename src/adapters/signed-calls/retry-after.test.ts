// SPDX-License-Identifier: GPL-3.0-or-later
import { expect, it } from 'vitest';
import { secondsOfRetryAfter } from './retry-after.ts';

const now = Date.parse('2030-01-31T18:00:00.500Z');

it.each([
  ['0', 0],
  ['120', 120],
  ['0120', 120],
  ['9'.repeat(400), Number.POSITIVE_INFINITY],
  ['Thu, 31 Jan 2030 18:01:00 GMT', 60],
  ['Thu, 31 Jan 2030 18:00:01 GMT', 1],
  ['Thursday, 31-Jan-30 18:01:00 GMT', 60],
  ['Thu, 31 Jan 2030 17:00:00 GMT', 0],
  ['Sun, 06 Nov 1994 08:49:37 GMT', 0],
])('reads a Retry-After of %s as %d seconds', (text, seconds) => {
  expect(secondsOfRetryAfter(text, now)).toBe(seconds);
});

it.each([
  ...[
    undefined,
    '',
    ' ',
    '-5',
    '+5',
    '1.5',
    '1e3',
    '0x10',
    '5 s',
    'soon',
    'a 2999',
    '2999-01-01',
    '５',
  ],
  ...['Thu Jan 31 18:01:00 2030', 'Thu, 31 Jan 2030 18:01:00', 'Thu, 99 Foo 2030 18:01:00 GMT'],
])(
  'ignores a Retry-After of %j, which is neither a number of seconds nor a date of HTTP',
  (text) => {
    expect(secondsOfRetryAfter(text, now)).toBeUndefined();
  },
);
