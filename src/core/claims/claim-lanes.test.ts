// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { flushPromises } from '../../../test/support/fixed-clock.ts';
import { scriptedLanes as setup } from '../../../test/support/scripted-lanes.ts';

describe('claims of one coupon', () => {
  it('are sent at once when no batch is under way', () => {
    const { claim, store } = setup();
    claim('a');
    expect(store.calls).toEqual(['batch #1: a']);
  });

  it('wait while a batch is under way, and are sent together in order when it is answered', async () => {
    const { claim, store, answers } = setup();
    claim('abc');
    await flushPromises();
    expect(store.calls).toEqual(['batch #1: a']);
    await store.decide(0);
    expect(store.calls).toEqual(['batch #1: a', 'batch #2: b c']);
    claim('d');
    await store.decide(1);
    await store.decide(2);
    expect(store.users).toEqual([['a'], ['b', 'c'], ['d']]);
    expect(await answers()).toEqual({ a: 'claimed', b: 'claimed', c: 'claimed', d: 'claimed' });
  });

  it('are sent in batches of the allowed size', async () => {
    const { claim, store } = setup({ batchMax: 2 });
    claim('abcdef');
    for (const index of [0, 1, 2, 3]) await store.decide(index);
    expect(store.users).toEqual([['a'], ['b', 'c'], ['d', 'e'], ['f']]);
  });

  it('do not wait for claims of another coupon', async () => {
    const { claim, store } = setup();
    claim('ab', 'one');
    claim('cd', 'other');
    expect(store.users).toEqual([['a'], ['c']]);
    await store.decide(1);
    expect(store.users).toEqual([['a'], ['c'], ['d']]);
  });

  it('are counted by batch, and a coupon that no longer exists is reported', async () => {
    const { claim, store, metrics, notFound, answers } = setup();
    claim('a');
    await store.answer(0, {
      ...{ kind: 'decided', commitSeconds: 0.01, outcomes: [{ outcome: 'coupon_not_found' }] },
    });
    expect(metrics).toEqual(['decided 1']);
    expect(notFound).toEqual(['LAUNCH']);
    expect(await answers()).toEqual({ a: 'coupon_not_found' });
  });
});

describe('the limits', () => {
  it('allow commitsUnderWayMax batches under way, in the order in which lanes became ready', async () => {
    const { claim, store } = setup({ commitsUnderWayMax: 2 });
    for (const users of ['a', 'b', 'cd', 'ef']) claim(users, `coupon of ${users}`);
    expect(store.users).toEqual([['a'], ['b']]);
    await store.decide(1);
    expect(store.users).toEqual([['a'], ['b'], ['c', 'd']]);
    await store.decide(0);
    expect(store.users).toEqual([['a'], ['b'], ['c', 'd'], ['e', 'f']]);
  });

  it('let no lane send twice while another is ready', async () => {
    const { claim, store } = setup({ commitsUnderWayMax: 1 });
    claim('ab', 'busy');
    claim('cd', 'quiet');
    await store.decide(0);
    expect(store.users).toEqual([['a'], ['c', 'd']]);
    await store.decide(1);
    expect(store.users).toEqual([['a'], ['c', 'd'], ['b']]);
  });

  it('allow laneWaitingMax claims of one coupon besides the batch under way, and refuse one more', async () => {
    const { claim, answers } = setup({ laneWaitingMax: 2 });
    claim('abcd');
    claim('e', 'other');
    expect(await answers()).toEqual({ d: 'overloaded' });
  });

  it('allow lanesMax coupons, and refuse one more until a lane is idle', async () => {
    const { claim, answers, store } = setup({ lanesMax: 2 });
    claim('a', 'one');
    claim('b', 'two');
    claim('c', 'three');
    expect(await answers()).toEqual({ c: 'overloaded' });
    await store.decide(0);
    claim('d', 'three');
    expect(await answers()).toEqual({ a: 'claimed', c: 'overloaded' });
  });

  it('allow waitingMax claims in all, with those under way, and refuse one more until one is answered', async () => {
    const { claim, answers, store } = setup({ waitingMax: 3 });
    claim('ab', 'one');
    claim('cd', 'two');
    expect(await answers()).toEqual({ d: 'overloaded' });
    await store.decide(0);
    claim('ef', 'two');
    expect(await answers()).toEqual({ a: 'claimed', d: 'overloaded', f: 'overloaded' });
  });

  it('keep no lane that is idle', async () => {
    const { claim, lanes, store } = setup();
    claim('ab');
    expect(lanes.depth()).toMatchObject({ lanes: 1, waiting: 2 });
    await store.decide(0);
    expect(lanes.depth()).toMatchObject({ lanes: 1, waiting: 1 });
    await store.decide(1);
    expect(lanes.depth()).toEqual({ lanes: 0, waiting: 0, oldestMs: 0 });
  });
});

describe('the expected wait', () => {
  /** A lane with batches of two, whose last one took `ms`; two claims wait besides the one under way. */
  async function laneThatTakes(ms: number) {
    const scripted = setup({ batchMax: 2, waitMaxMs: 1_000 });
    scripted.claim('ab');
    await scripted.clock.advance(ms);
    await scripted.store.decide(0);
    scripted.claim('cd');
    return scripted;
  }

  it('refuses at once a claim that does not fit into the next batch and would wait too long', async () => {
    const { claim, answers } = await laneThatTakes(400);
    claim('e');
    expect(await answers()).toEqual({ a: 'claimed', e: 'overloaded' });
  });

  it('admits a claim that a fast lane sends in time', async () => {
    const { claim, answers, store } = await laneThatTakes(300);
    claim('e');
    for (const index of [1, 2, 3]) await store.decide(index);
    expect(await answers()).toMatchObject({ d: 'claimed', e: 'claimed' });
  });

  it('admits a claim that fits into the next batch, however slow the lane is', async () => {
    const { claim, answers, clock, store } = setup({ batchMax: 2, waitMaxMs: 1_000 });
    claim('ab');
    await clock.advance(3_000);
    await store.decide(0);
    claim('cd');
    expect(await answers()).toEqual({ a: 'claimed' });
  });

  it('falls when the lane becomes fast again', async () => {
    const { claim, answers, clock, store } = await laneThatTakes(400);
    // Each batch counts for three tenths.
    for (const index of [1, 2, 3]) {
      await clock.advance(10);
      await store.decide(index);
      claim('fg'.charAt(index - 1));
    }
    claim('hij');
    expect(await answers()).not.toMatchObject({ j: 'overloaded' });
  });
});

describe('the age limit', () => {
  it('is not reached a moment before, and refuses claims that were not sent', async () => {
    const { claim, clock, answers, lanes } = setup({ commitsUnderWayMax: 1, timeoutMs: 1_000 });
    claim('a', 'sent');
    claim('b', 'waiting');
    await clock.advance(999);
    expect(await answers()).toEqual({});
    expect(lanes.depth().oldestMs).toBe(999);
    // The sweep runs ten times within the timeout.
    await clock.advance(101);
    expect(await answers()).toEqual({ a: 'outcome_unknown claim-of-a', b: 'overloaded' });
    expect(lanes.depth()).toMatchObject({ waiting: 0 });
  });

  it('ignores an answer that arrives later, and the lane goes on', async () => {
    const { claim, clock, answers, store, lanes } = setup({ timeoutMs: 1_000 });
    claim('ab');
    await clock.advance(1_100);
    claim('c');
    await store.decide(0);
    expect(store.users).toEqual([['a'], ['c']]);
    await store.decide(1);
    expect(await answers()).toEqual({
      ...{ a: 'outcome_unknown claim-of-a', b: 'overloaded', c: 'claimed' },
    });
    expect(lanes.depth()).toEqual({ lanes: 0, waiting: 0, oldestMs: 0 });
  });

  it('removes a ready lane whose claims have all expired', async () => {
    const { claim, clock, lanes, store } = setup({ commitsUnderWayMax: 1, timeoutMs: 1_000 });
    claim('a', 'one');
    claim('b', 'two');
    await clock.advance(1_100);
    await store.decide(0);
    expect(store.users).toEqual([['a']]);
    expect(lanes.depth()).toMatchObject({ lanes: 0, waiting: 0 });
  });
});

describe('a refused batch', () => {
  it('fails its claims, and the lane goes on with the next batch', async () => {
    const { claim, store, answers } = setup();
    claim('ab');
    await store.refuse(0, 'busy');
    await store.decide(1);
    expect(await answers()).toEqual({ a: 'unavailable', b: 'claimed' });
  });

  it('is halved until the claim that the database refuses is alone', async () => {
    const { claim, store, answers } = setup();
    claim('0abXcd');
    await store.decide(0);
    for (let index = 1; index < store.sent.length; index += 1) {
      const isBad = store.users[index]?.includes('X') ?? false;
      if (isBad) await store.refuse(index, 'refused');
      else await store.decide(index);
    }
    expect(store.users.slice(1)).toEqual([
      ['a', 'b', 'X', 'c', 'd'],
      ['a', 'b'],
      ['X', 'c', 'd'],
      ['X'],
      ['c', 'd'],
    ]);
    expect(new Set(store.sent.map(({ batchId }) => batchId)).size).toBe(store.sent.length);
    expect(await answers()).toMatchObject({ a: 'claimed', X: 'unavailable', d: 'claimed' });
  });

  it.each(['refused', 'invalid'] as const)(
    'is not logged when the reason is %s: the store logs rules, and mistakes of callers are expected',
    async (reason) => {
      const { claim, store, warnings } = setup();
      claim('a');
      await store.refuse(0, reason);
      expect(warnings).toEqual([]);
    },
  );

  it('is logged at most once a second for each reason', async () => {
    const { claim, store, clock, warnings } = setup();
    for (const index of [0, 1, 2]) {
      claim('a');
      await store.refuse(index, 'not_sent');
    }
    expect(warnings).toEqual(['a batch of claims was refused; nothing of it is stored']);
    claim('a');
    await store.refuse(3, 'busy');
    expect(warnings.length).toBe(2);
    await clock.advance(1_000);
    claim('a');
    await store.refuse(4, 'not_sent');
    expect(warnings.length).toBe(3);
  });
});
