// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { endingOf, whyNotEnded } from './ending.ts';
import { stateAt } from './schedule-effect.ts';

const nowMs = Date.parse('2030-01-31T18:00:00Z');

describe('endingOf', () => {
  it('closes an open sale now', () => {
    expect(endingOf({ paused: false, opens_at: null }, nowMs)).toEqual({
      closes_at: '2030-01-31T18:00:00.000Z',
    });
  });

  it('closes a paused sale without opening it for a moment, also where the clock of the page is a second ahead', () => {
    const { closes_at, paused } = endingOf({ paused: true, opens_at: null }, nowMs);
    const schedule = { opensMs: null, closesMs: Date.parse(closes_at), isPaused: paused ?? true };
    expect(stateAt(schedule, nowMs - 1_000)).toBe('closed');
  });

  it('never closes a sale before it has opened', () => {
    const opens_at = '2030-01-31T17:59:59.500Z';
    const { closes_at } = endingOf({ paused: true, opens_at }, nowMs);
    expect(Date.parse(closes_at)).toBeGreaterThan(Date.parse(opens_at));
  });
});

describe('whyNotEnded', () => {
  const open = { archived: false, state: 'open', closes_at: null } as const;

  it('is undefined for a sale that is open, or paused before its closing time', () => {
    expect(whyNotEnded(open, nowMs)).toBeUndefined();
    const closes_at = '2030-01-31T18:00:01Z';
    expect(whyNotEnded({ ...open, state: 'paused', closes_at }, nowMs)).toBeUndefined();
  });

  it('says why a sale cannot be ended', () => {
    expect(whyNotEnded({ ...open, archived: true }, nowMs)).toContain('archived');
    expect(whyNotEnded({ ...open, state: 'scheduled' }, nowMs)).toContain('not opened');
    expect(whyNotEnded({ ...open, state: 'closed' }, nowMs)).toContain('closed');
    const closes_at = '2030-01-31T18:00:00Z';
    expect(whyNotEnded({ ...open, state: 'paused', closes_at }, nowMs)).toContain('over');
  });
});
