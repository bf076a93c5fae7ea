// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { changedTime, enteredTime, entryOf } from './time-entry.ts';

const zone = 'Europe/Berlin';
const stored = '2030-10-27T01:30:00.250Z';

describe('an entry of a time', () => {
  it('keeps the stored moment until it is changed: to the millisecond, and of two the right one', () => {
    const entry = entryOf(stored, zone);
    expect(entry.text).toBe('2030-10-27T02:30:00');
    expect(changedTime(enteredTime(entry, zone), stored)).toBeUndefined();
  });

  it('means the first of two moments until the second one is chosen', () => {
    const entry = { text: '2030-10-27T02:30' };
    expect(enteredTime(entry, zone)).toBe(Date.parse('2030-10-27T00:30:00Z'));
    const chosenMs = Date.parse('2030-10-27T01:30:00Z');
    expect(enteredTime({ ...entry, chosenMs }, zone)).toBe(chosenMs);
  });

  it('differs where a time is incomplete, does not exist, or is no limit', () => {
    expect(enteredTime({ text: '' }, zone)).toBeNull();
    expect(enteredTime({ text: '', isIncomplete: true }, zone)).toBe('incomplete');
    expect(enteredTime({ text: '2030-03-31T02:30' }, zone)).toBe('skipped');
  });

  it('sends null to remove a limit, and nothing that is stored already', () => {
    expect(changedTime(null, stored)).toBeNull();
    expect(changedTime(null, null)).toBeUndefined();
    expect(changedTime('incomplete', stored)).toBeUndefined();
    expect(changedTime(Date.parse('2030-01-31T18:00:00Z'), null)).toBe('2030-01-31T18:00:00.000Z');
  });
});
