// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { type Schedule, scheduleEffect, stateAt } from './schedule-effect.ts';

const nowMs = Date.parse('2030-01-31T18:00:00Z');
const hourMs = 3_600_000;
const schedule = (changed: Partial<Schedule>): Schedule => ({
  ...{ opensMs: null, closesMs: null, isPaused: false },
  ...changed,
});

describe('stateAt', () => {
  it('is that of the database: the window begins and ends at its times', () => {
    expect(stateAt(schedule({}), nowMs)).toBe('open');
    expect(stateAt(schedule({ opensMs: nowMs }), nowMs)).toBe('open');
    expect(stateAt(schedule({ opensMs: nowMs + 1 }), nowMs)).toBe('scheduled');
    expect(stateAt(schedule({ closesMs: nowMs }), nowMs)).toBe('closed');
    expect(stateAt(schedule({ closesMs: nowMs + 1 }), nowMs)).toBe('open');
  });

  it('is scheduled rather than paused, and paused rather than closed', () => {
    expect(stateAt(schedule({ isPaused: true, opensMs: nowMs + 1 }), nowMs)).toBe('scheduled');
    expect(stateAt(schedule({ isPaused: true, closesMs: nowMs }), nowMs)).toBe('paused');
  });
});

describe('scheduleEffect', () => {
  const effect = (
    changed: Partial<Schedule>,
    before: Parameters<typeof scheduleEffect>[1]['before'],
  ) => scheduleEffect(schedule(changed), { before, nowMs }).join(' ');

  it('says that an open sale stops when its opening is moved into the future', () => {
    expect(effect({ opensMs: nowMs + 2 * hourMs }, 'open')).toBe(
      'The sale stops now: claims are refused until it opens. The sale opens in 2 h. It has no closing time.',
    );
  });

  it('says what happens at once', () => {
    expect(effect({ closesMs: nowMs - 1 }, 'open')).toBe('The sale closes at once.');
    expect(effect({}, 'scheduled')).toBe('The sale opens at once. It has no closing time.');
    expect(effect({ closesMs: nowMs + hourMs }, 'closed')).toBe(
      'The sale opens again at once. It closes in 1 h.',
    );
  });

  it('says that a paused sale does not open', () => {
    expect(effect({ isPaused: true, closesMs: nowMs }, 'paused')).toBe(
      'The sale is paused: no claim is accepted before it is resumed. Its closing time is over: after a resume it is closed.',
    );
  });

  it('says that a window that ends before it begins is none', () => {
    const window = { opensMs: nowMs + hourMs, closesMs: nowMs + hourMs };
    expect(effect(window, 'open')).toBe('The sale would close before it opens.');
  });
});
