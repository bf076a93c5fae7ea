// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { FixedClock, flushPromises } from '../../../test/support/fixed-clock.ts';
import {
  aCommand,
  claimed,
  numbered,
  ScriptedClaimStore,
} from '../../../test/support/scripted-claim-store.ts';
import { ClaimLane } from './claim-lane.ts';
import { PendingDecision } from './pending-decision.ts';
import { Scheduler } from './scheduler.ts';

const ignore = () => undefined;

function setup(limits: { batchMax?: number; commitsUnderWayMax?: number } = {}) {
  const store = new ScriptedClaimStore();
  const clock = new FixedClock();
  const decided: number[] = [];
  const received: string[] = [];
  const lanes = new Map<string, ClaimLane>();
  const scheduler = new Scheduler({
    store,
    clock,
    limits: { batchMax: 100, commitsUnderWayMax: 4, ...limits },
    metrics: { batchDecided: ({ size }) => decided.push(size) },
    newBatchId: numbered('#'),
    unanswered: () => 0,
    onAnswer(lane, batch, answer) {
      received.push(`${batch.batchId} ${answer?.kind ?? 'undecided'}`);
      if (answer?.kind === 'decided') lane.decide(answer.outcomes);
      else if (answer?.kind === 'refused') lane.refuse(answer);
      else if (answer === undefined) lane.retryUndecided();
      else lane.answerLost();
    },
  });
  const add = (userIds: string, couponName: string) => {
    let lane = lanes.get(couponName);
    if (lane === undefined) {
      const onReady = (ready: ClaimLane) => scheduler.enqueue(ready);
      lane = new ClaimLane(couponName, { onReady, onIdle: ignore });
      lanes.set(couponName, lane);
    }
    for (const userId of userIds) {
      lane.add(new PendingDecision(aCommand(userId, couponName), 0, ignore));
    }
  };
  return { store, clock, scheduler, add, decided, received };
}

describe('the scheduler', () => {
  it('sends nothing before the end of the turn, and then one batch for each lane', () => {
    const { store, clock, scheduler, add } = setup();
    const endTurn = clock.holdTurn();
    add('ab', 'one');
    scheduler.sendSoon();
    add('cd', 'two');
    scheduler.sendSoon();
    expect(store.calls).toEqual([]);
    endTurn();
    expect(store.calls).toEqual(['batch #1: a b', 'batch #2: c d']);
  });

  it('sends the single claims of ready lanes in one multi-coupon batch', () => {
    const { store, scheduler, add } = setup();
    add('a', 'one');
    add('bc', 'two');
    add('d', 'three');
    scheduler.sendSoon();
    expect(store.calls).toEqual(['multi-coupon #1 #2: a d', 'batch #3: b c']);
  });

  it('has at most commitsUnderWayMax commits under way, and sends the next after an answer', async () => {
    const { store, scheduler, add, received } = setup({ commitsUnderWayMax: 1 });
    add('ab', 'one');
    add('cd', 'two');
    scheduler.sendSoon();
    expect(store.calls).toEqual(['batch #1: a b']);
    await store.decide(0);
    expect(received).toEqual(['#1 decided']);
    expect(store.calls).toEqual(['batch #1: a b', 'batch #2: c d']);
  });

  it('sends the rest of a lane after the lanes that became ready before it', async () => {
    const { store, scheduler, add } = setup({ batchMax: 2, commitsUnderWayMax: 1 });
    add('abc', 'one');
    add('de', 'two');
    scheduler.sendSoon();
    await store.decide(0);
    await store.decide(1);
    expect(store.users).toEqual([['a', 'b'], ['d', 'e'], ['c']]);
  });

  it('passes each lane its part of a multi-coupon answer, and counts one commit', async () => {
    const { store, scheduler, add, decided, received } = setup({ commitsUnderWayMax: 1 });
    for (const user of 'abc') add(user, `coupon of ${user}`);
    scheduler.sendSoon();
    await store.answerMultiCoupon(0, {
      ...{ kind: 'decided', commitSeconds: 0.001 },
      outcomes: [claimed(aCommand('a'), 1), undefined, { outcome: 'sold_out' }],
    });
    expect(received).toEqual(['#1 decided', '#2 undecided', '#3 decided']);
    expect(decided).toEqual([2]);
  });

  it.each([
    ['decideBatch', 'a', ['#1 unknown']],
    ['claimMultiCoupon', 'ab', ['#1 unknown', '#2 unknown']],
  ] as const)(
    'treats a rejection of %s as a lost answer, and sends the next batch',
    async (call, users, expected) => {
      const { store, scheduler, add, received } = setup({ commitsUnderWayMax: 1 });
      const original = store.decideBatch.bind(store);
      Object.assign(store, { [call]: () => Promise.reject(new Error('a defect')) });
      for (const user of users) add(user, `coupon of ${user}`);
      scheduler.sendSoon();
      store.decideBatch = original;
      add('cd', 'other');
      await flushPromises();
      expect(received).toEqual(expected);
      expect(store.users).toEqual([['c', 'd']]);
    },
  );
});
