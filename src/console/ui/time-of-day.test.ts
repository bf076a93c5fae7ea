// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { formatMinute, formatTimeOfDay, formatZone } from './time-of-day.ts';

describe('a time of day', () => {
  const atMs = new Date(2030, 0, 31, 18, 0, 5).getTime();

  it('is local and has 24 hours', () => {
    expect(formatTimeOfDay(atMs)).toBe('18:00:05');
    expect(formatMinute(atMs)).toBe('18:00');
  });

  it.each([
    ['2030-01-31T18:00:00Z', 'GMT+1 (Europe/Berlin)'],
    ['2030-07-31T18:00:00Z', 'GMT+2 (Europe/Berlin)'],
  ])('has the zone that holds on its day: %s', (day, zone) => {
    expect(formatZone(Date.parse(day), 'Europe/Berlin')).toBe(zone);
  });
});
