// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import type { OperatorLogEntry } from '../../../client.ts';
import { changesOf } from './log-changes.ts';

function entry(before: object | null, after: object | null): OperatorLogEntry {
  return {
    ...{ id: '1', at: '2030-01-31T18:00:00Z', actor: 'admin', action: 'change_coupon' },
    ...{ coupon_name: 'drop', reason: null, request_id: null },
    ...{ before: before as never, after: after as never },
  };
}

describe('an entry of the operator log', () => {
  it('shows what differs, and nothing else', () => {
    const before = { amount: 500, paused: false, closes_at: null };
    const after = { amount: 700, paused: false, closes_at: '2030-01-31T18:00:00Z' };
    expect(changesOf(entry(before, after))).toEqual([
      { member: 'amount', before: '500', after: '700' },
      { member: 'closes_at', before: undefined, after: '2030-01-31T18:00:00Z' },
    ]);
  });

  it('shows what was created and removed', () => {
    expect(changesOf(entry(null, { url: 'https://a.example', events: ['a', 'b'] }))).toEqual([
      { member: 'url', before: undefined, after: 'https://a.example' },
      { member: 'events', before: undefined, after: 'a, b' },
    ]);
    expect(changesOf(entry({ dead_letter_id: '1', claim_id: null }, null))).toEqual([
      { member: 'dead_letter_id', before: '1', after: undefined },
    ]);
    expect(changesOf(entry(null, null))).toEqual([]);
  });
});
