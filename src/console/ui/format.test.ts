// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it, vi } from 'vitest';
import {
  formatCount,
  formatCountOf,
  formatDistance,
  formatDuration,
  formatMilliseconds,
  formatMoment,
  formatRate,
  showInvisible,
} from './format.ts';

describe('numbers', () => {
  it.each([formatCount, formatRate, formatMilliseconds, formatDuration])(
    'that are unknown are a dash, and 0 is not (%o)',
    (format) => {
      expect(format(null)).toBe('–');
      expect(format(undefined)).toBe('–');
      expect(format(0)).toMatch(/^0/);
    },
  );

  it.each([
    [formatCount, 1_234_567, '1,234,567'],
    [formatRate, 0.44, '0.4'],
    [formatRate, 1_234.5, '1,235'],
    [formatMilliseconds, 6.72, '6.7 ms'],
    [formatMilliseconds, 120.4, '120 ms'],
    [formatMilliseconds, 3_240, '3.2 s'],
    [formatDuration, 45_000, '45 s'],
    [formatDuration, 200_000, '3 min 20 s'],
    [formatDuration, 7_200_000, '2 h'],
    [formatDuration, 90_061_000, '1 d 1 h'],
  ] as const)('%o writes %d as %s', (format, value, text) => {
    expect(format(value)).toBe(text);
  });
});

describe('a moment', () => {
  it('lies ahead or back', () => {
    expect(formatDistance(200_000, 0)).toBe('in 3 min 20 s');
    expect(formatDistance(0, 7_200_000)).toBe('2 h ago');
  });

  it('is local, with its zone, and in UTC', () => {
    const { local, utc } = formatMoment('2030-01-31T18:00:00Z', 'America/New_York');
    expect(local).toBe('Thu, 31 Jan 2030, 13:00:00 GMT-5');
    expect(utc).toBe('2030-01-31 18:00:00 UTC');
  });

  it('are written with one format for all of a zone: a list has hundreds of moments', () => {
    const { DateTimeFormat } = Intl;
    const created = vi.spyOn(Intl, 'DateTimeFormat').mockImplementation(function create(...args) {
      return new DateTimeFormat(...args);
    });
    for (let second = 0; second < 3; second += 1) formatMoment(second * 1_000, 'Asia/Tokyo');
    expect(created.mock.calls.length).toBe(1);
    created.mockRestore();
  });
});

describe('text of others', () => {
  it('shows what would be invisible or turn the text around', () => {
    expect(showInvisible('a\u202Egnp.exe')).toBe('a[U+202E]gnp.exe');
    expect(showInvisible('a\u200Bb\u0000')).toBe('a[U+200B]b[U+0000]');
  });

  it('is left as it is otherwise', () => {
    expect(showInvisible('Früh "><script> 早い 🎟')).toBe('Früh "><script> 早い 🎟');
  });
});

it('counts one thing in the singular', () => {
  const noun = ['claim', 'claims'] as const;
  expect([0, 1, 12_345, undefined].map((count) => formatCountOf(count, noun))).toEqual([
    ...['0 claims', '1 claim', '12,345 claims', '– claims'],
  ]);
});
