// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { scriptedLanes as setup } from '../../../test/support/scripted-lanes.ts';

const down = new Error('no connection');

describe('a batch in doubt', () => {
  it('stops its lane: no batch is sent before it is resolved', async () => {
    const { claim, store, clock } = setup();
    claim('ab');
    await store.loseAnswer(0);
    claim('c');
    await clock.advance(500);
    expect(store.calls).toEqual(['batch #1: a', 'void #1']);
  });

  it('is sent again after that with the same claim ids and a new batch id, before newer claims', async () => {
    const { claim, store, answers, metrics } = setup();
    claim('a');
    claim('bc');
    await store.decide(0);
    await store.loseAnswer(1);
    claim('d');
    await store.resolve(0, 'void');
    expect(store.calls).toEqual(['batch #1: a', 'batch #2: b c', 'void #2', 'batch #3: b c']);
    expect(store.sent[2]?.commands).toEqual(store.sent[1]?.commands);
    await store.decide(2);
    await store.decide(3);
    expect(store.users.at(-1)).toEqual(['d']);
    expect(await answers()).toEqual({ a: 'claimed', b: 'claimed', c: 'claimed', d: 'claimed' });
    expect(metrics).toContain('unknown');
    expect(metrics).toContain('resolved void');
  });

  it('does not stop the lanes of other coupons, nor count among the commits under way', async () => {
    const { claim, store } = setup({ commitsUnderWayMax: 1 });
    claim('a', 'lost');
    claim('b', 'other');
    await store.loseAnswer(0);
    expect(store.users).toEqual([['a'], ['b']]);
  });

  it('is resolved by repeated void marks, with growing waits, until one succeeds', async () => {
    const { claim, store, clock } = setup({ timeoutMs: 60_000 });
    claim('a');
    await store.loseAnswer(0);
    const triedAtMs: number[] = [];
    for (let attempt = 0; attempt < 9; attempt += 1) {
      await store.resolve(attempt, down);
      const before = store.calls.length;
      while (store.calls.length === before) await clock.advance(1);
      triedAtMs.push(clock.nowMs());
    }
    const waits = triedAtMs.map((atMs, index) => atMs - (triedAtMs[index - 1] ?? 0));
    expect(waits).toEqual([20, 40, 80, 160, 250, 250, 250, 250, 250]);
    await store.resolve(9, 'void');
    expect(store.calls.at(-1)).toBe('batch #2: a');
  });

  it('is resolved even when no client waits for it any more', async () => {
    const { claim, store, clock, answers, lanes } = setup({ timeoutMs: 1_000 });
    claim('a');
    await store.loseAnswer(0);
    await store.resolve(0, down);
    await clock.advance(1_100);
    expect(await answers()).toEqual({ a: 'outcome_unknown claim-of-a' });
    expect(lanes.depth()).toMatchObject({ waiting: 0, lanes: 1 });
    await store.resolve(1, down);
    await clock.advance(1_100);
    await store.resolve(2, 'void');
    // No claim is left to send.
    expect(store.sent.length).toBe(1);
    expect(lanes.depth()).toEqual({ waiting: 0, lanes: 0, oldestMs: 0 });
  });

  it('lets claims that were not sent be refused at once when the database cannot be reached', async () => {
    const { claim, store, answers } = setup();
    claim('abc');
    await store.loseAnswer(0);
    expect(await answers()).toEqual({});
    await store.resolve(0, down);
    expect(await answers()).toEqual({ b: 'unavailable', c: 'unavailable' });
  });

  it('lets a claim that expires be refused once it is void', async () => {
    const { claim, store, clock, answers } = setup({ commitsUnderWayMax: 1, timeoutMs: 1_000 });
    claim('a', 'lost');
    claim('b', 'busy');
    await store.loseAnswer(0);
    await store.resolve(0, 'void');
    await clock.advance(1_100);
    expect(await answers()).toMatchObject({ a: 'overloaded' });
  });

  it('leaves a claim that expires unknown, with its claim id, once it is known to be committed', async () => {
    const { claim, store, clock, answers, metrics } = setup({
      ...{ commitsUnderWayMax: 1, timeoutMs: 1_000 },
    });
    claim('a', 'lost');
    claim('b', 'busy');
    await store.loseAnswer(0);
    await store.resolve(0, 'committed');
    await clock.advance(1_100);
    expect(await answers()).toMatchObject({ a: 'outcome_unknown claim-of-a' });
    expect(metrics).toContain('resolved committed');
  });

  it('is not denied when it had committed and the database refuses its claims the second time', async () => {
    const { claim, store, answers } = setup();
    claim('a');
    await store.loseAnswer(0);
    await store.resolve(0, 'committed');
    await store.refuse(1, 'not_sent');
    expect(await answers()).toEqual({ a: 'outcome_unknown claim-of-a' });
  });

  it('may be in doubt again, and is resolved again under its new id', async () => {
    const { claim, store, clock, answers } = setup();
    claim('a');
    await store.loseAnswer(0);
    await store.resolve(0, 'void');
    await store.loseAnswer(1);
    await clock.advance(20);
    await store.resolve(1, 'void');
    await store.decide(2);
    expect(store.calls).toEqual([
      ...['batch #1: a', 'void #1', 'batch #2: a', 'void #2', 'batch #3: a'],
    ]);
    expect(await answers()).toEqual({ a: 'claimed' });
  });

  it('is resolved after growing waits when each batch of the coupon is lost, until one is decided', async () => {
    const { claim, store, clock } = setup({ timeoutMs: 60_000 });
    claim('a');
    const waits: number[] = [];
    for (let loss = 0; loss < 9; loss += 1) {
      await store.loseAnswer(loss);
      const lostAtMs = clock.nowMs();
      const voids = () => store.calls.filter((call) => call.startsWith('void')).length;
      while (voids() === loss) await clock.advance(1);
      waits.push(clock.nowMs() - lostAtMs);
      await store.resolve(loss, 'void');
    }
    expect(waits).toEqual([0, 20, 40, 80, 160, 200, 200, 200, 200]);
    claim('b');
    await store.decide(9);
    await store.loseAnswer(10);
    expect(store.calls.at(-1)).toBe('void #11');
  });
});

describe('draining', () => {
  it('answers claims under way and waiting claims, and refuses new ones', async () => {
    const { claim, store, clock, answers, lanes } = setup();
    claim('ab');
    const drained = lanes.drain(4_000);
    claim('c');
    expect(await answers()).toEqual({ c: 'unavailable' });
    await store.decide(0);
    await store.decide(1);
    await clock.advance(5);
    await drained;
    expect(await answers()).toEqual({ a: 'claimed', b: 'claimed', c: 'unavailable' });
    expect(clock.pending).toBe(0);
  });

  it('fails the claims that are left after its time, and sends no more batches', async () => {
    const { claim, store, clock, answers, lanes } = setup();
    claim('ab');
    const drained = lanes.drain(1_000);
    await clock.advance(1_005);
    await drained;
    expect(await answers()).toEqual({ a: 'outcome_unknown claim-of-a', b: 'unavailable' });
    await store.decide(0);
    expect(store.sent.length).toBe(1);
    expect(clock.pending).toBe(0);
  });

  it('ends the wait before a void mark, and does not try again', async () => {
    const { claim, store, clock, answers, lanes } = setup();
    claim('a');
    await store.loseAnswer(0);
    await store.resolve(0, down);
    const drained = lanes.drain(10);
    await clock.advance(15);
    await drained;
    const tried = store.calls.filter((call) => call.startsWith('void')).length;
    await clock.advance(10_000);
    expect(store.calls.filter((call) => call.startsWith('void')).length).toBe(tried);
    expect(await answers()).toEqual({ a: 'outcome_unknown claim-of-a' });
  });

  it('has no effect the second time, and ends at once when there is no claim', async () => {
    const { lanes, clock, claim, answers } = setup();
    await Promise.all([lanes.drain(1_000), lanes.drain(1_000)]);
    await lanes.drain(1_000);
    expect(clock.nowMs()).toBe(0);
    expect(clock.pending).toBe(0);
    claim('a');
    expect(await answers()).toEqual({ a: 'unavailable' });
  });
});
