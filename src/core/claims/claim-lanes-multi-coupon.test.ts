// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { aCommand, claimed } from '../../../test/support/scripted-claim-store.ts';
import { scriptedLanes } from '../../../test/support/scripted-lanes.ts';
import type { ClaimLaneLimits } from './claim-lanes.ts';

const couponOf = (user: string) => `coupon of ${user}`;
const lost = { kind: 'unknown', cause: new Error('connection lost') } as const;

function setup(limits: Partial<ClaimLaneLimits> = {}) {
  const scripted = scriptedLanes(limits);
  /** In one turn a claim by each of the users, each of a different coupon. */
  const claimApart = (users: string) => {
    const endTurn = scripted.clock.holdTurn();
    for (const user of users) scripted.claim(user, couponOf(user));
    endTurn();
  };
  return { ...scripted, claimApart };
}

describe('claims that arrive in one turn', () => {
  it('are not sent before it ends', () => {
    const { claim, clock, store } = setup();
    const endTurn = clock.holdTurn();
    claim('a');
    expect(store.calls).toEqual([]);
    endTurn();
    expect(store.calls).toEqual(['batch #1: a']);
  });

  it('go in one batch when they are of one coupon', () => {
    const { claim, clock, store } = setup();
    const endTurn = clock.holdTurn();
    claim('abc');
    endTurn();
    expect(store.calls).toEqual(['batch #1: a b c']);
  });

  it('go in one multi-coupon batch when they are of different coupons, as one batch for each', () => {
    const { claimApart, store } = setup();
    claimApart('abc');
    expect(store.calls).toEqual(['multi-coupon #1 #2 #3: a b c']);
    expect(store.multiCouponBatches).toEqual([
      [
        { batchId: '#1', couponName: couponOf('a'), commands: [aCommand('a', couponOf('a'))] },
        { batchId: '#2', couponName: couponOf('b'), commands: [aCommand('b', couponOf('b'))] },
        { batchId: '#3', couponName: couponOf('c'), commands: [aCommand('c', couponOf('c'))] },
      ].map((batch) => expect.objectContaining(batch)),
    ]);
  });

  it('go in a batch of their coupon, and not in the multi-coupon batch, when two are of one coupon', () => {
    const { claim, clock, store } = setup({ commitsUnderWayMax: 10 });
    const endTurn = clock.holdTurn();
    claim('ab', 'first');
    claim('c', 'second');
    claim('de', 'third');
    claim('f', 'fourth');
    endTurn();
    expect(store.calls).toEqual(['batch #1: a b', 'multi-coupon #2 #3: c f', 'batch #4: d e']);
  });
});

describe('a multi-coupon batch', () => {
  it('answers each claim with its own outcome, and leaves no idle lane behind', async () => {
    const { lanes, clock, store } = setup();
    const commands = [...'abc'].map((user) => aCommand(user, couponOf(user)));
    const endTurn = clock.holdTurn();
    const answers = commands.map((command) => lanes.claim(command));
    endTurn();
    const outcomes = commands.map((command, index) => claimed(command, 30 - index));
    await store.answerMultiCoupon(0, { kind: 'decided', outcomes, commitSeconds: 0.001 });
    expect(await Promise.all(answers)).toEqual(outcomes);
    expect(lanes.depth()).toEqual({ lanes: 0, waiting: 0, oldestMs: 0 });
  });

  it('collects single claims while commits are under way', async () => {
    const { claim, store } = setup({ commitsUnderWayMax: 1 });
    for (const user of 'abc') claim(user, couponOf(user));
    expect(store.calls).toEqual(['batch #1: a']);
    await store.decide(0);
    expect(store.calls).toEqual(['batch #1: a', 'multi-coupon #2 #3: b c']);
  });

  it('holds at most 64 claims', () => {
    const { claim, clock, store } = setup();
    const endTurn = clock.holdTurn();
    for (let coupon = 1; coupon <= 70; coupon += 1) claim('a', `coupon ${coupon}`);
    endTurn();
    expect(store.multiCouponBatches.map((batches) => batches.length)).toEqual([64, 6]);
    const names = store.multiCouponBatches.flat().map(({ couponName }) => couponName);
    expect(new Set(names).size).toBe(70);
  });

  it('counts as one of the commits under way', async () => {
    const { claim, claimApart, store } = setup({ commitsUnderWayMax: 2 });
    claimApart('abc');
    claimApart('de');
    claim('f', couponOf('f'));
    expect(store.calls).toEqual(['multi-coupon #1 #2 #3: a b c', 'multi-coupon #4 #5: d e']);
    await store.decideMultiCoupon(0, 'abc');
    expect(store.calls.at(-1)).toBe('batch #6: f');
  });

  it('is counted as one commit of the claims that it decided', async () => {
    const { claimApart, metrics, store } = setup();
    claimApart('abc');
    await store.decideMultiCoupon(0, 'ac');
    expect(metrics).toEqual(['decided 2']);
    claimApart('de');
    await store.decideMultiCoupon(1, '');
    expect(metrics).toEqual(['decided 2']);
  });

  it('leaves claims that expire before its answer unknown, with their ids', async () => {
    const { claimApart, clock, answers } = setup({ timeoutMs: 1_000 });
    claimApart('ab');
    await clock.advance(1_100);
    expect(await answers()).toEqual({
      ...{ a: 'outcome_unknown claim-of-a', b: 'outcome_unknown claim-of-b' },
    });
  });
});

describe('a claim that a multi-coupon batch left undecided', () => {
  it('is sent again alone with its claim id and a new batch id, and gets that answer', async () => {
    const { claimApart, answers, store } = setup();
    claimApart('abc');
    await store.decideMultiCoupon(0, 'ac');
    expect(store.calls).toEqual(['multi-coupon #1 #2 #3: a b c', 'batch #4: b']);
    expect(store.sent[0]?.commands).toEqual(store.multiCouponBatches[0]?.[1]?.commands);
    expect(await answers()).toEqual({ a: 'claimed', c: 'claimed' });
    await store.answer(0, {
      ...{ kind: 'decided', outcomes: [{ outcome: 'paused' }], commitSeconds: 0.001 },
    });
    expect(await answers()).toEqual({ a: 'claimed', b: 'paused', c: 'claimed' });
  });

  it('is sent in no multi-coupon batch again, even when one newer claim of its coupon waits', async () => {
    const { claim, claimApart, store } = setup({ commitsUnderWayMax: 1 });
    claimApart('ab');
    for (const user of 'cd') claim(user, couponOf(user));
    claim('e', couponOf('a'));
    await store.decideMultiCoupon(0, '');
    await store.decideMultiCoupon(1, 'cd');
    for (const index of [0, 1, 2]) await store.decide(index);
    expect(store.calls).toEqual([
      ...[
        'multi-coupon #1 #2: a b',
        'multi-coupon #3 #4: c d',
        'batch #5: a',
        'batch #6: b',
        'batch #7: e',
      ],
    ]);
  });

  it('is sent before newer claims of its coupon, and not together with them', async () => {
    const { claim, claimApart, store } = setup();
    claimApart('ab');
    claim('cd', couponOf('a'));
    await store.decideMultiCoupon(0, 'b');
    await store.decide(0);
    expect(store.calls).toEqual(['multi-coupon #1 #2: a b', 'batch #3: a', 'batch #4: c d']);
  });

  it('is refused when it expires before it is sent again', async () => {
    const { claim, claimApart, clock, answers, store } = setup({
      ...{ commitsUnderWayMax: 1, timeoutMs: 1_000 },
    });
    claimApart('ab');
    claim('cd', 'busy');
    await store.decideMultiCoupon(0, 'b');
    expect(store.calls).toEqual(['multi-coupon #1 #2: a b', 'batch #3: c d']);
    await clock.advance(1_100);
    expect(await answers()).toMatchObject({ a: 'overloaded', b: 'claimed' });
  });
});

describe('a multi-coupon batch that is refused', () => {
  it.each(['refused', 'busy', 'broken'] as const)(
    'as %s has each claim sent again alone, and only the claim at fault fails',
    async (reason) => {
      const { claimApart, answers, metrics, store } = setup();
      claimApart('abX');
      await store.answerMultiCoupon(0, { kind: 'refused', reason, cause: new Error(reason) });
      expect(store.calls).toEqual([
        ...['multi-coupon #1 #2 #3: a b X', 'batch #4: a', 'batch #5: b', 'batch #6: X'],
      ]);
      expect(metrics).toEqual([]);
      expect(await answers()).toEqual({});
      await store.decide(0);
      await store.decide(1);
      await store.refuse(2, 'refused');
      expect(await answers()).toEqual({ a: 'claimed', b: 'claimed', X: 'unavailable' });
    },
  );

  it('has all its claims refused when it was not sent, and is logged once', async () => {
    const { claimApart, answers, lanes, store, warnings } = setup();
    claimApart('abc');
    await store.answerMultiCoupon(0, {
      kind: 'refused',
      reason: 'not_sent',
      cause: new Error('down'),
    });
    expect(await answers()).toEqual({ a: 'unavailable', b: 'unavailable', c: 'unavailable' });
    expect(store.calls).toEqual(['multi-coupon #1 #2 #3: a b c']);
    expect(warnings).toEqual(['a batch of claims was refused; nothing of it is stored']);
    expect(lanes.depth()).toEqual({ lanes: 0, waiting: 0, oldestMs: 0 });
  });

  it('has all its claims refused, without a line of the log, when the database is not durable enough', async () => {
    const { claimApart, answers, store, warnings } = setup();
    claimApart('abc');
    await store.answerMultiCoupon(0, {
      kind: 'refused',
      reason: 'not_durable',
      cause: new Error('no standby is named'),
    });
    expect(await answers()).toEqual({ a: 'unavailable', b: 'unavailable', c: 'unavailable' });
    expect(store.calls).toEqual(['multi-coupon #1 #2 #3: a b c']);
    expect(warnings).toEqual([]);
  });
});

describe('a multi-coupon batch in doubt', () => {
  it('stops only its lanes: each is resolved by its own void mark and goes on alone', async () => {
    const { claim, claimApart, answers, metrics, store } = setup();
    claimApart('abc');
    claim('d', couponOf('a'));
    await store.answerMultiCoupon(0, lost);
    const marks = ['void #1', 'void #2', 'void #3'];
    expect(store.calls).toEqual(['multi-coupon #1 #2 #3: a b c', ...marks]);
    claim('e', couponOf('e'));
    expect(store.calls.at(-1)).toBe('batch #4: e');
    await store.resolve(1, 'void');
    expect(store.calls.at(-1)).toBe('batch #5: b');
    await store.resolve(0, 'committed');
    await store.resolve(2, 'void');
    expect(store.calls.slice(-2)).toEqual(['batch #6: a', 'batch #7: c']);
    expect(store.sent[2]?.commands).toEqual(store.multiCouponBatches[0]?.[0]?.commands);
    for (const index of [0, 1, 2, 3, 4]) await store.decide(index);
    expect(store.calls.at(-1)).toBe('batch #8: d');
    expect(await answers()).toEqual({
      ...{ a: 'claimed', b: 'claimed', c: 'claimed', d: 'claimed', e: 'claimed' },
    });
    expect(metrics.slice(0, 6)).toEqual([
      ...['unknown', 'unknown', 'unknown', 'resolved void', 'resolved committed', 'resolved void'],
    ]);
  });

  it('does not count among the commits under way', async () => {
    const { claim, claimApart, store } = setup({ commitsUnderWayMax: 1 });
    claimApart('ab');
    claim('c', couponOf('c'));
    await store.answerMultiCoupon(0, lost);
    expect(store.calls).toEqual(['multi-coupon #1 #2: a b', 'void #1', 'void #2', 'batch #3: c']);
  });

  it('leaves exactly the claims unknown that expire before their batch is void', async () => {
    const { claim, claimApart, clock, answers, store } = setup({
      ...{ commitsUnderWayMax: 1, timeoutMs: 1_000 },
    });
    claimApart('abc');
    await store.answerMultiCoupon(0, lost);
    claim('x', 'busy');
    await store.resolve(0, 'void');
    await store.resolve(1, 'committed');
    await clock.advance(1_100);
    expect(await answers()).toMatchObject({
      a: 'overloaded',
      ...{ b: 'outcome_unknown claim-of-b', c: 'outcome_unknown claim-of-c' },
    });
  });
});

describe('a store that rejects', () => {
  it.each([
    ['multi-coupon batch', 'ab', ['void #1', 'void #2']],
    ['batch', 'a', ['void #1']],
  ])('has its %s treated like one whose answer was lost', async (_, users, marks) => {
    const { claimApart, answers, metrics, store } = setup();
    store.decideBatch = () => Promise.reject(new Error('a bug'));
    store.claimMultiCoupon = () => Promise.reject(new Error('a bug'));
    claimApart(users);
    expect(await answers()).toEqual({});
    expect(store.calls).toEqual(marks);
    expect(metrics).toEqual(marks.map(() => 'unknown'));
  });
});

describe('after an answer the next batch is sent', () => {
  it('at once when 48 claims wait, so that the database works while answers are written', async () => {
    const { claim, clock, store } = setup();
    claim('a');
    claim('x'.repeat(48));
    clock.holdTurn();
    await store.decide(0);
    expect(store.users.map((users) => users.length)).toEqual([1, 48]);
  });

  it('at once when 48 claims of several coupons wait', async () => {
    const { claim, clock, store } = setup({ commitsUnderWayMax: 1 });
    claim('a');
    for (let coupon = 1; coupon <= 48; coupon += 1) claim('x', `coupon ${coupon}`);
    clock.holdTurn();
    await store.decide(0);
    expect(store.multiCouponBatches.map((batches) => batches.length)).toEqual([48]);
  });

  it('at the end of the turn when fewer wait, with all claims that arrive until then', async () => {
    const { claim, clock, store } = setup();
    claim('a');
    claim('x'.repeat(47));
    const endTurn = clock.holdTurn();
    await store.decide(0);
    expect(store.sent.length).toBe(1);
    claim('y'.repeat(3));
    endTurn();
    expect(store.users.map((users) => users.length)).toEqual([1, 50]);
  });

  it('at the end of the turn when many are under way and few wait', async () => {
    const { claim, clock, store } = setup();
    const endFirstTurn = clock.holdTurn();
    claim('x'.repeat(60), 'busy');
    endFirstTurn();
    claim('ab');
    const endTurn = clock.holdTurn();
    await store.decide(1);
    expect(store.sent.length).toBe(2);
    endTurn();
    expect(store.users.at(-1)).toEqual(['b']);
  });
});

describe('a claim that is refused as sold out', () => {
  it('has its coupon reported as sold out, once for a batch', async () => {
    const { claim, clock, soldOut, store } = setup();
    const endTurn = clock.holdTurn();
    claim('abc', 'short');
    claim('de', 'plenty');
    endTurn();
    await store.decide(1);
    expect(soldOut).toEqual([]);
    await store.answer(0, {
      ...{ kind: 'decided', commitSeconds: 0.001 },
      outcomes: [
        claimed(aCommand('a', 'short'), 1),
        ...[{ outcome: 'sold_out' } as const, { outcome: 'sold_out' } as const],
      ],
    });
    expect(soldOut).toEqual(['short']);
  });

  it('has its coupon reported when the batch after the multi-coupon batch decides it', async () => {
    const { claimApart, soldOut, store } = setup();
    claimApart('ab');
    await store.decideMultiCoupon(0, 'a');
    expect(soldOut).toEqual([]);
    await store.answer(0, {
      ...{ kind: 'decided', outcomes: [{ outcome: 'sold_out' }], commitSeconds: 0.001 },
    });
    expect(soldOut).toEqual([couponOf('b')]);
  });
});
