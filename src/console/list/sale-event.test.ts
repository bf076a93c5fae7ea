// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { nextEvent } from './sale-event.ts';

const times = { opens_at: '2030-01-31T18:00:00.000Z', closes_at: '2030-01-31T20:00:00.000Z' };

describe('nextEvent', () => {
  it('is the opening of a scheduled sale, and the closing of one that has opened', () => {
    const scheduled = { ...times, state: 'scheduled', archived: false } as const;
    expect(nextEvent(scheduled)).toEqual({ word: 'Opens', at: times.opens_at });
    for (const state of ['open', 'paused'] as const) {
      expect(nextEvent({ ...scheduled, state })).toEqual({ word: 'Closes', at: times.closes_at });
    }
    expect(nextEvent({ ...scheduled, state: 'closed' }).word).toBe('Closed');
  });

  it('has no time where nothing is planned', () => {
    const open = { opens_at: null, closes_at: null, state: 'open', archived: false } as const;
    expect(nextEvent(open).at).toBeNull();
    expect(nextEvent({ ...open, ...times, state: 'closed', archived: true }).at).toBeNull();
  });
});
