// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import type { TimelineEntry } from '../../client.ts';
import { attemptsOf, headlineOf } from './timeline-words.ts';

const delivery: TimelineEntry = { at: null, kind: 'delivery', name: 'claim.confirmed' };

describe('an entry of a timeline', () => {
  it('has a headline', () => {
    expect(headlineOf({ at: null, kind: 'change', name: 'claimed' })).toBe('Claimed');
    expect(headlineOf({ at: null, kind: 'operator', name: 'retry_saga' })).toBe('retry saga');
    expect(headlineOf(delivery)).toBe('claim.confirmed');
  });

  it('says how often it was tried and how that ended', () => {
    expect(attemptsOf(delivery)).toBeUndefined();
    expect(attemptsOf({ ...delivery, attempts: 0, last_status: null })).toBe('not tried yet');
    expect(attemptsOf({ ...delivery, attempts: 1, last_status: 204 })).toBe(
      '1 attempt, last status 204',
    );
    expect(attemptsOf({ ...delivery, attempts: 3, last_status: null })).toBe(
      '3 attempts, no answer to the last one',
    );
  });
});
