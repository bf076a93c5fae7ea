// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { aTicketedClaim } from '../../../test/support/scripted-claim-store.ts';
import { scriptedLanes as setup } from '../../../test/support/scripted-lanes.ts';

describe('claims with tickets', () => {
  it('go in batches of their own, in order of arrival', async () => {
    const { claim, claimTicket, store, answers } = setup();
    claim('a');
    claimTicket('bc');
    claim('d');
    claimTicket('e');
    for (let batch = 0; batch < 3; batch += 1) await store.decide(batch);
    expect(store.calls).toEqual(['batch #1: a', 'batch #2: b c e', 'batch #3: d']);
    expect(store.sent[1]?.commands[0]).toEqual(aTicketedClaim('b'));
    expect(Object.keys(await answers())).toEqual(['a', 'b', 'c', 'e', 'd']);
  });

  it('take turns with clients and sagas, a batch each', async () => {
    const { claim, claimTicket, change, store } = setup({ batchMax: 1 });
    claim('abc');
    claimTicket('rst');
    change('confirm', 'x', { sagaEpoch: '1' });
    for (let batch = 0; batch < 7; batch += 1) await store.decide(batch);
    expect(store.calls.map((call) => call.split(': ')[1])).toEqual([
      ...['a', 'confirm-x', 'r', 'b', 's', 'c', 't'],
    ]);
  });

  it('never share a commit with claims of other coupons, nor does a claim that waits beside them', async () => {
    const { claim, claimTicket, clock, store } = setup();
    const endTurn = clock.holdTurn();
    claim('a', 'one');
    claimTicket('b', 'two');
    claim('c', 'three');
    claim('d', 'four');
    claimTicket('e', 'four');
    endTurn();
    expect(store.calls).toEqual(['multi-coupon #1 #2: a c', 'batch #3: b', 'batch #4: d']);
  });

  it('are sent again with the same claim ids when the answer was lost, before newer ones', async () => {
    const { claimTicket, store, answers } = setup();
    claimTicket('x');
    claimTicket('ab');
    await store.decide(0);
    await store.loseAnswer(1);
    claimTicket('c');
    await store.resolve(0, 'committed');
    expect(store.calls.slice(1)).toEqual(['batch #2: a b', 'void #2', 'batch #3: a b']);
    expect(store.sent[2]?.commands).toEqual(store.sent[1]?.commands);
    const outcomes = [{ outcome: 'ticket_expired' as const }, { outcome: 'sold_out' as const }];
    await store.answer(2, { kind: 'decided', outcomes, commitSeconds: 0.001 });
    expect(await answers()).toMatchObject({ a: 'ticket_expired', b: 'sold_out' });
  });

  it('of a batch that is refused for one of them are found by halving', async () => {
    const { claimTicket, store, answers } = setup();
    claimTicket('a');
    claimTicket('bcd');
    await store.decide(0);
    await store.refuse(1, 'refused');
    await store.refuse(2, 'refused');
    await store.decide(3);
    expect(store.calls.slice(1)).toEqual(['batch #2: b c d', 'batch #3: b', 'batch #4: c d']);
    expect(await answers()).toMatchObject({ b: 'unavailable', c: 'claimed', d: 'claimed' });
  });

  it('are let in while hasRoom says so', async () => {
    const { lanes, claimTicket, store, answers } = setup({ laneWaitingMax: 2 });
    claimTicket('a');
    expect(lanes.hasRoom('LAUNCH')).toBe(true);
    claimTicket('bc');
    expect(lanes.hasRoom('LAUNCH')).toBe(false);
    expect(lanes.hasRoom('OTHER')).toBe(true);
    claimTicket('d');
    expect(await answers()).toEqual({ d: 'overloaded' });
    await store.decide(0);
    expect(lanes.hasRoom('LAUNCH')).toBe(true);
    await lanes.drain(0);
    expect(lanes.hasRoom('OTHER')).toBe(false);
  });

  it('are answered when they waited for too long, and count among those that wait', async () => {
    const { claimTicket, clock, lanes, answers } = setup({ timeoutMs: 1_000 });
    claimTicket('a');
    claimTicket('b');
    expect(lanes.depth()).toMatchObject({ waiting: 2 });
    await clock.advance(1_100);
    expect(await answers()).toEqual({ a: 'outcome_unknown claim-of-a', b: 'overloaded' });
  });
});
