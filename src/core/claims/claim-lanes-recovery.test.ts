// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { scriptedLanes as setup } from '../../../test/support/scripted-lanes.ts';

const down = new Error('no connection');

describe('a batch whose answer was lost', () => {
  it('stops its lane: nothing is sent before its void mark is committed', async () => {
    const { claim, store, clock } = setup();
    claim('ab');
    await store.lose(0);
    claim('c');
    await clock.advance(500);
    expect(store.calls).toEqual(['batch #1: a', 'void #1']);
  });

  it('is then sent again with the same claim ids under a new batch id, before newer claims', async () => {
    const { claim, store, heard, metrics } = setup();
    claim('a');
    claim('bc');
    await store.decide(0);
    await store.lose(1);
    claim('d');
    await store.settle(0, 'void');
    expect(store.calls).toEqual(['batch #1: a', 'batch #2: b c', 'void #2', 'batch #3: b c']);
    expect(store.sent[2]?.attempts).toEqual(store.sent[1]?.attempts);
    await store.decide(2);
    await store.decide(3);
    expect(store.users.at(-1)).toEqual(['d']);
    expect(await heard()).toEqual({ a: 'claimed', b: 'claimed', c: 'claimed', d: 'claimed' });
    expect(metrics).toContain('unknown');
    expect(metrics).toContain('settled void');
  });

  it('does not stop the lanes of other coupons, nor keep a place among the batches under way', async () => {
    const { claim, store } = setup({ commitsUnderWayMax: 1 });
    claim('a', 'lost');
    claim('b', 'other');
    await store.lose(0);
    expect(store.users).toEqual([['a'], ['b']]);
  });

  it('is settled by trying on, with growing waits, until a mark is committed', async () => {
    const { claim, store, clock } = setup({ timeoutMs: 60_000 });
    claim('a');
    await store.lose(0);
    const triedAtMs: number[] = [];
    for (let attempt = 0; attempt < 9; attempt += 1) {
      await store.settle(attempt, down);
      const before = store.calls.length;
      while (store.calls.length === before) await clock.advance(1);
      triedAtMs.push(clock.nowMs());
    }
    const waits = triedAtMs.map((atMs, index) => atMs - (triedAtMs[index - 1] ?? 0));
    expect(waits).toEqual([20, 40, 80, 160, 320, 640, 1_000, 1_000, 1_000]);
    await store.settle(9, 'void');
    expect(store.calls.at(-1)).toBe('batch #2: a');
  });

  it('is settled also when nobody waits for it any more', async () => {
    const { claim, store, clock, heard, lanes } = setup({ timeoutMs: 1_000 });
    claim('a');
    await store.lose(0);
    await store.settle(0, down);
    await clock.advance(1_100);
    expect(await heard()).toEqual({ a: 'outcome_unknown claim-of-a' });
    expect(lanes.depth()).toMatchObject({ waiting: 0, lanes: 1 });
    await store.settle(1, down);
    await clock.advance(1_100);
    await store.settle(2, 'void');
    // There is nobody left to send.
    expect(store.sent.length).toBe(1);
    expect(lanes.depth()).toEqual({ waiting: 0, lanes: 0, oldestMs: 0 });
  });

  it('lets claims that were not sent hear at once when the database cannot be reached', async () => {
    const { claim, store, heard } = setup();
    claim('abc');
    await store.lose(0);
    expect(await heard()).toEqual({});
    await store.settle(0, down);
    expect(await heard()).toEqual({ b: 'unavailable', c: 'unavailable' });
  });

  it('and is void tells a claim that expires that it was refused for certain', async () => {
    const { claim, store, clock, heard } = setup({ commitsUnderWayMax: 1, timeoutMs: 1_000 });
    claim('a', 'lost');
    claim('b', 'busy');
    await store.lose(0);
    await store.settle(0, 'void');
    await clock.advance(1_100);
    expect(await heard()).toMatchObject({ a: 'overloaded' });
  });

  it('and was committed leaves a claim that expires unknown, with its claim id', async () => {
    const { claim, store, clock, heard, metrics } = setup({
      ...{ commitsUnderWayMax: 1, timeoutMs: 1_000 },
    });
    claim('a', 'lost');
    claim('b', 'busy');
    await store.lose(0);
    await store.settle(0, 'committed');
    await clock.advance(1_100);
    expect(await heard()).toMatchObject({ a: 'outcome_unknown claim-of-a' });
    expect(metrics).toContain('settled committed');
  });

  it('and was committed is not denied when the database refuses its claims the second time', async () => {
    const { claim, store, heard } = setup();
    claim('a');
    await store.lose(0);
    await store.settle(0, 'committed');
    await store.refuse(1, 'not_sent');
    expect(await heard()).toEqual({ a: 'outcome_unknown claim-of-a' });
  });

  it('may be lost again, and is settled again under its new id', async () => {
    const { claim, store, clock, heard } = setup();
    claim('a');
    await store.lose(0);
    await store.settle(0, 'void');
    await store.lose(1);
    await clock.advance(20);
    await store.settle(1, 'void');
    await store.decide(2);
    expect(store.calls).toEqual([
      ...['batch #1: a', 'void #1', 'batch #2: a', 'void #2', 'batch #3: a'],
    ]);
    expect(await heard()).toEqual({ a: 'claimed' });
  });

  it('and is lost each time it is sent is settled after growing waits, until one is decided', async () => {
    const { claim, store, clock } = setup({ timeoutMs: 60_000 });
    claim('a');
    const waits: number[] = [];
    for (let loss = 0; loss < 9; loss += 1) {
      await store.lose(loss);
      const lostAtMs = clock.nowMs();
      const voids = () => store.calls.filter((call) => call.startsWith('void')).length;
      while (voids() === loss) await clock.advance(1);
      waits.push(clock.nowMs() - lostAtMs);
      await store.settle(loss, 'void');
    }
    expect(waits).toEqual([0, 20, 40, 80, 160, 200, 200, 200, 200]);
    claim('b');
    await store.decide(9);
    await store.lose(10);
    expect(store.calls.at(-1)).toBe('void #11');
  });
});

describe('stopping', () => {
  it('answers what is under way and what waits, and refuses newcomers', async () => {
    const { claim, store, clock, heard, lanes } = setup();
    claim('ab');
    const stopped = lanes.stop(4_000);
    claim('c');
    expect(await heard()).toEqual({ c: 'unavailable' });
    await store.decide(0);
    await store.decide(1);
    await clock.advance(5);
    await stopped;
    expect(await heard()).toEqual({ a: 'claimed', b: 'claimed', c: 'unavailable' });
    expect(clock.pending).toBe(0);
  });

  it('tells whoever is left after its time what can be told, and sends nothing more', async () => {
    const { claim, store, clock, heard, lanes } = setup();
    claim('ab');
    const stopped = lanes.stop(1_000);
    await clock.advance(1_005);
    await stopped;
    expect(await heard()).toEqual({ a: 'outcome_unknown claim-of-a', b: 'unavailable' });
    await store.decide(0);
    expect(store.sent.length).toBe(1);
    expect(clock.pending).toBe(0);
  });

  it('ends the wait for a void mark, and does not try again', async () => {
    const { claim, store, clock, heard, lanes } = setup();
    claim('a');
    await store.lose(0);
    await store.settle(0, down);
    const stopped = lanes.stop(10);
    await clock.advance(15);
    await stopped;
    const tried = store.calls.filter((call) => call.startsWith('void')).length;
    await clock.advance(10_000);
    expect(store.calls.filter((call) => call.startsWith('void')).length).toBe(tried);
    expect(await heard()).toEqual({ a: 'outcome_unknown claim-of-a' });
  });

  it('twice is the same as once, and before any claim is done at once', async () => {
    const { lanes, clock, claim, heard } = setup();
    await Promise.all([lanes.stop(1_000), lanes.stop(1_000)]);
    await lanes.stop(1_000);
    expect(clock.nowMs()).toBe(0);
    expect(clock.pending).toBe(0);
    claim('a');
    expect(await heard()).toEqual({ a: 'unavailable' });
  });
});
