// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { type Alarm, announcementOf, joinAlarms } from './alarm.ts';

function alarm(id: string, severity: Alarm['severity'] = 'warning'): Alarm {
  return { id, severity, text: `${id} happens.`, section: 'firstcomedown' };
}

describe('an announcement', () => {
  it('is not made while the same alarms are there, whatever their numbers', () => {
    expect(announcementOf([alarm('a')], [{ ...alarm('a'), text: 'More.' }])).toBeUndefined();
    expect(announcementOf([], [])).toBeUndefined();
  });

  it('says what begins, and how many alarms there are', () => {
    expect(announcementOf([alarm('a')], [alarm('b'), alarm('a')])).toBe(
      'New alarm: b happens. Alarms: 2.',
    );
  });

  it('says that alarms have ended', () => {
    expect(announcementOf([alarm('a'), alarm('b')], [alarm('c')])).toBe(
      'New alarm: c happens. Ended: 2. Alarms: 1.',
    );
    expect(announcementOf([alarm('a')], [])).toBe('Ended: 1. No alarms are left.');
  });
});

describe('several sets', () => {
  it('are one with the critical alarms first', () => {
    const set = (...alarms: Alarm[]) => ({ alarms, unknown: ['x'], pending: [] });
    const joined = joinAlarms([
      set(alarm('a'), alarm('b', 'critical')),
      set(alarm('c', 'critical')),
    ]);
    expect(joined.alarms.map(({ id }) => id)).toEqual(['b', 'c', 'a']);
    expect(joined.unknown).toEqual(['x', 'x']);
  });
});
