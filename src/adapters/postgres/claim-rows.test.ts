// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { type ClaimTimes, toClaim } from './claim-rows.ts';

const row = {
  ...{ claim_id: '01a224dc-3225-7566-a575-47d5efa3afa3', user_id: 'ada', position: 1 },
  ...{ claimed_at: '2030-01-31T18:00:00.5Z', expires_at: null, confirmed_at: null },
  ...{ redeemed_at: null, released_at: null, reason: null },
};
const time = '2030-01-31T18:10:00Z';
const shown = (times: Partial<ClaimTimes>) => {
  const { state, expiresAt, sagaId, sagaState } = toClaim('LAUNCH', { ...row, ...times });
  return { state, expiresAt, sagaId, sagaState };
};
const saga = { expiresAt: undefined, sagaId: '01a224dc-3225-8566-a575-47d5efa3afa3' };

describe('a claim', () => {
  it('without a saga shows when its hold ends, and no saga', () => {
    expect(shown({ expires_at: time })).toEqual({
      ...{ state: 'reserved', expiresAt: '2030-01-31T18:10:00.000000Z' },
      ...{ sagaId: undefined, sagaState: undefined },
    });
    expect(shown({ saga_state: null })).toMatchObject({ state: 'confirmed', sagaId: undefined });
  });

  it('that only its saga ends shows no end, and a saga that runs unless its row says more', () => {
    const reserved = { ...saga, state: 'reserved' };
    expect(shown({ expires_at: 'infinity' })).toEqual({ ...reserved, sagaState: 'running' });
    expect(shown({ expires_at: 'infinity', saga_state: 'needs_attention' })).toEqual({
      ...{ ...reserved, sagaState: 'needs_attention' },
    });
  });

  it.each([
    ['confirmed', 'done', {}],
    ['confirmed', 'compensating', {}],
    ['redeemed', 'done', { redeemed_at: time }],
    ['released', 'compensated', { released_at: time }],
  ] as const)('that is %s shows its saga, which is %s', (state, saga_state, times) => {
    expect(shown({ saga_state, ...times })).toEqual({ ...saga, state, sagaState: saga_state });
  });
});
