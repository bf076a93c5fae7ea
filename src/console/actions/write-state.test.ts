// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import type { Refusal, Unknown } from '../../client.ts';
import {
  afterForeignAnswer,
  afterRead,
  afterResult,
  type WriteState,
  whileSending,
} from './write-state.ts';

const idle: WriteState<string> = { step: 'idle' };
const ok = { outcome: 'ok', status: 200, value: 'changed', replayed: false } as const;
const unknown: Unknown = { outcome: 'unknown', idempotency_key: 'key-1' };

function refusal(status: number, outcome: string): Exclude<Refusal, { outcome: 'internal' }> {
  return { outcome, status, problem: { code: outcome, status } } as never;
}

const sending = whileSending(idle);
const inDoubt = whileSending(afterResult(sending, unknown));

describe('a change', () => {
  it('is done when the service says so', () => {
    const done = { step: 'done', value: 'changed', status: 200, wasInDoubt: false };
    expect(afterResult(sending, ok)).toEqual(done);
  });

  it('is refused by the first answer, whatever its status', () => {
    for (const one of [refusal(401, 'unauthorized'), refusal(503, 'overloaded')]) {
      expect(afterResult(sending, one)).toEqual({ step: 'refused', refusal: one });
    }
  });

  it('is unknown after a lost answer', () => {
    expect(afterResult(sending, unknown)).toEqual({ step: 'unknown', doubt: { unknown } });
  });

  it('says that it was in doubt when a repeat shows that it took effect', () => {
    expect(afterResult(inDoubt, ok)).toMatchObject({ step: 'done', wasInDoubt: true });
  });

  it('stays unknown when a repeat is refused for a reason that says nothing of the first request', () => {
    const reasons = [
      refusal(400, 'invalid_request'),
      refusal(401, 'unauthorized'),
      refusal(403, 'forbidden'),
      refusal(404, 'route_not_found'),
      refusal(409, 'coupon_exists'),
      refusal(429, 'rate_limited'),
      refusal(503, 'unavailable'),
    ];
    for (const one of reasons) {
      const state = afterResult(inDoubt, one);
      expect(state).toEqual({ step: 'unknown', doubt: { unknown, refusal: one } });
    }
  });

  it('is refused when a repeat gets a decision', () => {
    for (const one of [
      refusal(404, 'coupon_not_found'),
      refusal(409, 'already_redeemed'),
      refusal(422, 'idempotency_key_reused'),
    ]) {
      expect(afterResult(inDoubt, one)).toEqual({ step: 'refused', refusal: one });
    }
  });

  it('is done when a read shows it', () => {
    const read = { ...ok, value: { value: 'changed', differs: [] } };
    const done = { step: 'done', value: 'changed', status: 200, wasInDoubt: true };
    expect(afterRead(inDoubt, read)).toEqual(done);
  });

  it('stays unknown when a read does not show it, because it may still arrive', () => {
    for (const found of [
      { value: undefined, differs: [] },
      { value: 'unchanged', differs: ['paused'] },
    ]) {
      const state = afterRead(inDoubt, { ...ok, value: found });
      expect(state).toEqual({ step: 'unknown', doubt: { unknown, found } });
    }
  });

  it('stays unknown when nothing can be read', () => {
    const refused = refusal(503, 'unavailable');
    const state = afterRead(inDoubt, refused);
    expect(state).toEqual({ step: 'unknown', doubt: { unknown, refusal: refused } });
  });

  it('is unknown when something else than the service answers', () => {
    const state = afterForeignAnswer(sending);
    expect(state).toEqual({ step: 'unknown', doubt: { unknown: undefined } });
    expect(afterForeignAnswer(inDoubt)).toEqual({ step: 'unknown', doubt: { unknown } });
  });
});
