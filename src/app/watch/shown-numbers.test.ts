// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { secondsOf } from '../../../test/support/sale-seconds.ts';
import { answerTime, count, duration, localTime, percent, rate, utcTime } from './shown-numbers.ts';
import { bar, columnsOfSeconds, sparkline } from './sparkline.ts';

describe('a number on a terminal', () => {
  it('is a dash where it is unknown, and not 0', () => {
    expect([count(null), count(undefined), rate(undefined), answerTime(null)]).toEqual([
      ...['–', '–', '–', '–'],
    ]);
    expect([count(0), rate(0), answerTime(0)]).toEqual(['0', '0', '0.00 ms']);
  });

  it('is not rounded to nothing or to all', () => {
    expect([rate(0.25), rate(9.96), rate(1234.5)]).toEqual(['0.3', '10.0', '1,235']);
    expect([percent(1, 1000), percent(999, 1000), percent(0, 5), percent(5, 5)]).toEqual([
      ...['< 1 %', '99 %', '0 %', '100 %'],
    ]);
    expect(bar(1, 1000, 4)).toBe('▏   ');
    expect(bar(999, 1000, 4)).toBe('███▉');
    expect(bar(1000, 1000, 4)).toBe('████');
    expect(bar(0, 1000, 4)).toBe('    ');
  });

  it('is a duration in its largest units', () => {
    expect([0.9, 59, 125, 3733, 90_061].map(duration)).toEqual([
      ...['0 s', '59 s', '2 m 05 s', '1 h 02 m 13 s', '1 d 01 h 01 m'],
    ]);
  });

  it('is a time in the zone of the machine, with its name, and in UTC', () => {
    const ms = Date.parse('2030-01-31T23:30:05.250Z');
    expect(localTime(ms, 'Asia/Tokyo')).toBe('2030-02-01 08:30:05 GMT+9');
    expect(localTime(ms, 'UTC')).toBe('2030-01-31 23:30:05 UTC');
    expect(utcTime(ms)).toBe('2030-01-31T23:30:05Z');
  });
});

describe('a sparkline', () => {
  it('has a lowest bar for 0 only, a full one for the highest, and a dot for what is unknown', () => {
    expect(sparkline([0, 0.01, 50, 100, undefined], 100)).toBe('▁▂▅█·');
    expect(sparkline([0, 0], 0)).toBe('▁▁');
  });

  it('has columns of whole seconds that keep their place, with the mean of what is known', () => {
    const values = [1_000, 1_000, 1_000, 4, 6, 8, null, 1, null, null];
    const counts = values.map((claimed) => (claimed === null ? null : { claimed }));
    const seconds = secondsOf(counts, 7_000);
    const columnsUntil = (last: number) =>
      columnsOfSeconds(seconds.slice(0, last - 6), ({ outcomes }) => outcomes?.claimed, {
        ...{ perColumn: 2, count: 3 },
      });
    expect(columnsUntil(14)).toEqual([5, 8, 1]);
    expect(columnsUntil(15)).toEqual([5, 8, 1]);
    expect(columnsUntil(16)).toEqual([8, 1, undefined]);
  });
});
