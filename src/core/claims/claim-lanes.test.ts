// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { settled } from '../../../test/support/fixed-clock.ts';
import { scriptedLanes as setup } from '../../../test/support/scripted-lanes.ts';

describe('claims of one coupon', () => {
  it('are sent at once when nothing is under way', () => {
    const { claim, store } = setup();
    claim('a');
    expect(store.calls).toEqual(['batch #1: a']);
  });

  it('gather while a batch is under way, and leave together in order when it is answered', async () => {
    const { claim, store, heard } = setup();
    claim('abc');
    await settled();
    expect(store.calls).toEqual(['batch #1: a']);
    await store.decide(0);
    expect(store.calls).toEqual(['batch #1: a', 'batch #2: b c']);
    claim('d');
    await store.decide(1);
    await store.decide(2);
    expect(store.users).toEqual([['a'], ['b', 'c'], ['d']]);
    expect(await heard()).toEqual({ a: 'claimed', b: 'claimed', c: 'claimed', d: 'claimed' });
  });

  it('leave in batches of the allowed size', async () => {
    const { claim, store } = setup({ batchMax: 2 });
    claim('abcdef');
    for (const index of [0, 1, 2, 3]) await store.decide(index);
    expect(store.users).toEqual([['a'], ['b', 'c'], ['d', 'e'], ['f']]);
  });

  it('do not wait for those of another coupon', async () => {
    const { claim, store } = setup();
    claim('ab', 'one');
    claim('cd', 'other');
    expect(store.users).toEqual([['a'], ['c']]);
    await store.decide(1);
    expect(store.users).toEqual([['a'], ['c'], ['d']]);
  });

  it('are counted and timed by batch, and a coupon that is gone is told', async () => {
    const { claim, store, metrics, gone, heard } = setup();
    claim('a');
    await store.answer(0, {
      ...{ kind: 'decided', commitSeconds: 0.01, outcomes: [{ outcome: 'coupon_not_found' }] },
    });
    expect(metrics).toEqual(['decided 1']);
    expect(gone).toEqual(['LAUNCH']);
    expect(await heard()).toEqual({ a: 'coupon_not_found' });
  });
});

describe('the bounds', () => {
  it('let as many batches be under way as there are connections, in order of the lanes', async () => {
    const { claim, store } = setup({ commitsUnderWayMax: 2 });
    for (const users of ['a', 'b', 'cd', 'ef']) claim(users, `coupon of ${users}`);
    expect(store.users).toEqual([['a'], ['b']]);
    await store.decide(1);
    expect(store.users).toEqual([['a'], ['b'], ['c', 'd']]);
    await store.decide(0);
    expect(store.users).toEqual([['a'], ['b'], ['c', 'd'], ['e', 'f']]);
  });

  it('let no lane wait twice in the line while another waits', async () => {
    const { claim, store } = setup({ commitsUnderWayMax: 1 });
    claim('ab', 'busy');
    claim('cd', 'quiet');
    await store.decide(0);
    expect(store.users).toEqual([['a'], ['c', 'd']]);
    await store.decide(1);
    expect(store.users).toEqual([['a'], ['c', 'd'], ['b']]);
  });

  it('take laneWaitingMax claims of one coupon besides the batch under way, and refuse one more', async () => {
    const { claim, heard } = setup({ laneWaitingMax: 2 });
    claim('abcd');
    claim('e', 'other');
    expect(await heard()).toEqual({ d: 'overloaded' });
  });

  it('take lanesMax coupons, and refuse one more until a lane is idle', async () => {
    const { claim, heard, store } = setup({ lanesMax: 2 });
    claim('a', 'one');
    claim('b', 'two');
    claim('c', 'three');
    expect(await heard()).toEqual({ c: 'overloaded' });
    await store.decide(0);
    claim('d', 'three');
    expect(await heard()).toEqual({ a: 'claimed', c: 'overloaded' });
  });

  it('take waitingMax claims in all, those under way too, and refuse one more until one is answered', async () => {
    const { claim, heard, store } = setup({ waitingMax: 3 });
    claim('ab', 'one');
    claim('cd', 'two');
    expect(await heard()).toEqual({ d: 'overloaded' });
    await store.decide(0);
    claim('ef', 'two');
    expect(await heard()).toEqual({ a: 'claimed', d: 'overloaded', f: 'overloaded' });
  });

  it('drop a lane as soon as it is idle', async () => {
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
  /** A lane of batches of two whose last one took `ms`, and for which two claims wait besides one under way. */
  async function laneThatTakes(ms: number) {
    const scripted = setup({ batchMax: 2, waitMaxMs: 1_000 });
    scripted.claim('ab');
    await scripted.clock.advance(ms);
    await scripted.store.decide(0);
    scripted.claim('cd');
    return scripted;
  }

  it('refuses at once whom the next batch has no room for and who would wait too long', async () => {
    const { claim, heard } = await laneThatTakes(400);
    claim('e');
    expect(await heard()).toEqual({ a: 'claimed', e: 'overloaded' });
  });

  it('lets wait whom a fast lane reaches in time', async () => {
    const { claim, heard, store } = await laneThatTakes(300);
    claim('e');
    for (const index of [1, 2, 3]) await store.decide(index);
    expect(await heard()).toMatchObject({ d: 'claimed', e: 'claimed' });
  });

  it('lets wait whom the next batch has room for, however slow the lane is', async () => {
    const { claim, heard, clock, store } = setup({ batchMax: 2, waitMaxMs: 1_000 });
    claim('ab');
    await clock.advance(3_000);
    await store.decide(0);
    claim('cd');
    expect(await heard()).toEqual({ a: 'claimed' });
  });

  it('is forgiven when the lane has become fast again', async () => {
    const { claim, heard, clock, store } = await laneThatTakes(400);
    // Each batch counts for three tenths.
    for (const index of [1, 2, 3]) {
      await clock.advance(10);
      await store.decide(index);
      claim('fg'.charAt(index - 1));
    }
    claim('hij');
    expect(await heard()).not.toMatchObject({ j: 'overloaded' });
  });
});

describe('the age limit', () => {
  it('is not reached a moment before, and refuses whoever was not sent', async () => {
    const { claim, clock, heard, lanes } = setup({ commitsUnderWayMax: 1, timeoutMs: 1_000 });
    claim('a', 'under way');
    claim('b', 'waits');
    await clock.advance(999);
    expect(await heard()).toEqual({});
    expect(lanes.depth().oldestMs).toBe(999);
    // The sweep comes ten times in the time that a claim has.
    await clock.advance(101);
    expect(await heard()).toEqual({ a: 'outcome_unknown claim-of-a', b: 'overloaded' });
    expect(lanes.depth()).toMatchObject({ waiting: 0 });
  });

  it('makes an answer that comes later fall silent, and the lane goes on', async () => {
    const { claim, clock, heard, store, lanes } = setup({ timeoutMs: 1_000 });
    claim('ab');
    await clock.advance(1_100);
    claim('c');
    await store.decide(0);
    expect(store.users).toEqual([['a'], ['c']]);
    await store.decide(1);
    expect(await heard()).toEqual({
      ...{ a: 'outcome_unknown claim-of-a', b: 'overloaded', c: 'claimed' },
    });
    expect(lanes.depth()).toEqual({ lanes: 0, waiting: 0, oldestMs: 0 });
  });

  it('drops a lane in the line whose claims have all expired', async () => {
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
  it('is told to its claims, and the lane goes on with the next', async () => {
    const { claim, store, heard } = setup();
    claim('ab');
    await store.refuse(0, 'busy');
    await store.decide(1);
    expect(await heard()).toEqual({ a: 'unavailable', b: 'claimed' });
  });

  it('that holds a claim which the database refuses is halved until that claim stands alone', async () => {
    const { claim, store, heard } = setup();
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
    expect(await heard()).toMatchObject({ a: 'claimed', X: 'unavailable', d: 'claimed' });
  });

  it.each(['refused', 'invalid'] as const)(
    'as %s is not logged: the store logs the rule, and a mistake of a caller is no news',
    async (reason) => {
      const { claim, store, warnings } = setup();
      claim('a');
      await store.refuse(0, reason);
      expect(warnings).toEqual([]);
    },
  );

  it('is logged once a second for each reason, and never by the hundred', async () => {
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
