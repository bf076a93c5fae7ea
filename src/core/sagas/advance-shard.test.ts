// SPDX-License-Identifier: GPL-3.0-or-later
import { getEventListeners } from 'node:events';
import { expect, it } from 'vitest';
import { FixedClock, flushPromises } from '../../../test/support/fixed-clock.ts';
import { definitionOf, SagaModel, stepOf } from '../../../test/support/saga-model.ts';
import { advanceShard } from './advance-shard.ts';
import type { CallAnswer, TakenSaga } from './ports.ts';

/** Sagas of one step in a shard. Their calls end when the test says so. */
function setUp(count: number, inFlight = 4) {
  const clock = new FixedClock();
  const definition = definitionOf([stepOf('pay')]);
  const models = new Map<string, SagaModel>();
  const add = (id: string) => models.set(id, new SagaModel(definition, 1_000_000));
  for (let n = 1; n <= count; n += 1) add(`saga ${n}`);
  const takes: { limit: number; underWay: number }[] = [];
  const calls: { sagaId: string; end(): void }[] = [];
  const failing = { take: false, record: false };
  const pace = { ms: 0, counts: [] as number[] };
  const controller = new AbortController();
  const modelOf = (sagaId: string) => {
    const model = models.get(sagaId);
    if (model === undefined) throw new Error(`there is no ${sagaId}`);
    model.nowMs = clock.nowMs();
    return model;
  };
  const advance = () =>
    advanceShard(
      {
        ...{ clock, random: () => 1, hasParticipant: () => true, warn: () => undefined },
        ...{ definitions: [definition], inFlightMax: () => inFlight },
        pace: {
          async turn(signal) {
            pace.counts.push(1);
            if (pace.ms > 0) await clock.sleep(pace.ms, signal);
          },
          addToTurn(added) {
            pace.counts.push((pace.counts.pop() ?? 0) + added);
          },
        },
        findDefinition: async () => definition,
        metrics: { stepCalled: () => undefined, sagaReached: () => undefined },
        store: {
          async take(shard, { limit, underWay }) {
            expect(shard).toBe(7);
            if (failing.take) throw new Error('away');
            takes.push({ limit, underWay: underWay.length });
            const taken: TakenSaga[] = [];
            for (const sagaId of models.keys()) {
              if (taken.length === limit || underWay.includes(sagaId)) continue;
              const one = modelOf(sagaId).take();
              if (one !== undefined) taken.push({ ...one, sagaId });
            }
            return taken;
          },
        },
        async record(progress) {
          if (failing.record) throw new Error('away');
          return modelOf(progress.sagaId).record(progress);
        },
        async changeClaim(command) {
          const claimed = [...models.values()].find((model) => model.step === 2 && model.isOpen);
          claimed?.change(command);
          return { outcome: 'changed', claim: {} as never };
        },
        call: ({ sagaId }, signal) =>
          new Promise<CallAnswer>((resolve) => {
            calls.push({ sagaId, end: () => resolve({ kind: 'done', status: 200 }) });
            const error = { kind: 'unknown', status: null, error: 'stopped' } as const;
            signal.addEventListener('abort', () =>
              resolve({ ...error, retryAfterSeconds: undefined }),
            );
          }),
      },
      7,
      controller.signal,
    );
  const states = () => [...models.values()].map(({ state }) => state);
  return { clock, models, add, takes, calls, failing, pace, controller, advance, states };
}

/** Whether a promise has ended. */
function watched(promise: Promise<void>) {
  const watch = { isOver: false, promise };
  promise.then(
    () => {
      watch.isOver = true;
    },
    () => undefined,
  );
  return watch;
}

it('advances several sagas at once, and ends when nothing is due', async () => {
  const { takes, calls, advance, states } = setUp(6);
  const shard = watched(advance());
  await flushPromises();
  expect(calls).toHaveLength(4);
  for (let ended = 0; ended < 6; ended += 1) {
    calls[ended]?.end();
    await flushPromises();
    expect(calls.length).toBe(Math.min(6, 5 + ended));
  }
  expect(shard.isOver).toBe(true);
  expect(states()).toEqual(Array(6).fill('done'));
  expect(takes[1]).toEqual({ limit: 1, underWay: 3 });
});

it('ends at once when nothing is due at its begin', async () => {
  const { takes, advance } = setUp(0);
  await advance();
  expect(takes).toHaveLength(1);
});

it('takes what becomes due while a call takes long', async () => {
  const { clock, add, calls, advance } = setUp(1);
  const shard = advance();
  await flushPromises();
  add('saga 2');
  await clock.advance(250);
  expect(calls.map(({ sagaId }) => sagaId)).toEqual(['saga 1', 'saga 2']);
  for (const { end } of calls) end();
  await shard;
});

it('takes sagas when the pace lets it, and goes on meanwhile with those under way', async () => {
  const { clock, takes, calls, pace, advance, states } = setUp(6);
  pace.ms = 1_000;
  const shard = watched(advance());
  await clock.advance(999);
  expect(takes).toEqual([]);
  await clock.advance(1);
  expect([calls.length, pace.counts]).toEqual([4, [4]]);
  calls[0]?.end();
  await flushPromises();
  expect(states()).toContain('done');
  await clock.advance(999);
  expect([calls.length, pace.counts]).toEqual([4, [4, 1]]);
  await clock.advance(1);
  expect(calls).toHaveLength(5);
  for (const { end } of calls) end();
  await clock.advance(1_000);
  for (const { end } of calls) end();
  await clock.advance(1_000);
  expect([shard.isOver, states()]).toEqual([true, Array(6).fill('done')]);
});

it('takes as many sagas as have ended while the pace made it wait', async () => {
  const { clock, calls, pace, advance, states } = setUp(7);
  pace.ms = 1_000;
  const shard = watched(advance());
  await clock.advance(1_000);
  calls[0]?.end();
  await clock.advance(500);
  for (const { end } of calls) end();
  await clock.advance(500);
  expect([calls.length, pace.counts]).toEqual([7, [4, 3]]);
  for (const { end } of calls) end();
  await clock.advance(2_000);
  expect([shard.isOver, states()]).toEqual([true, Array(7).fill('done')]);
});

it('takes no saga once its turn has ended while the pace made it wait', async () => {
  const { clock, takes, pace, advance } = setUp(1);
  pace.ms = 10_000;
  const shard = advance();
  await clock.advance(10_000);
  await shard;
  expect(takes).toEqual([]);
});

it('leaves no listener of the abort behind, however often it looks for sagas', async () => {
  const { clock, calls, controller, advance } = setUp(1);
  const shard = advance();
  await flushPromises();
  const before = getEventListeners(controller.signal, 'abort').length;
  await clock.advance(5_000);
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(before);
  for (const { end } of calls) end();
  await shard;
  // That of the call, which is the test's own.
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
});

it('ends after its turn, when the calls that are under way have ended and are stored', async () => {
  const { clock, models, calls, advance } = setUp(9);
  const shard = watched(advance());
  await clock.advance(10_000);
  expect([calls.length, shard.isOver]).toEqual([4, false]);
  for (const { end } of calls) end();
  await flushPromises();
  expect([calls.length, shard.isOver]).toEqual([4, true]);
  expect([...models.values()].map(({ step }) => step)).toEqual([2, 2, 2, 2, 1, 1, 1, 1, 1]);
});

it('ends at once when it is aborted, and leaves each saga where it was stored', async () => {
  const { models, calls, controller, advance, states } = setUp(9);
  const shard = watched(advance());
  await flushPromises();
  controller.abort();
  await flushPromises();
  expect([calls.length, shard.isOver]).toEqual([4, true]);
  expect(states()).toEqual(Array(9).fill('running'));
  expect([...models.values()].every(({ attempts }) => attempts === 0)).toBe(true);
});

it('fails with the database, after the other calls have ended, and no saga is lost', async () => {
  const { calls, failing, advance, states } = setUp(2);
  const shard = advance();
  const failed = expect(shard).rejects.toThrow('away');
  await flushPromises();
  failing.record = true;
  calls[0]?.end();
  await flushPromises();
  failing.record = false;
  calls[1]?.end();
  await failed;
  expect(states()).toEqual(['running', 'running']);
  failing.take = true;
  await expect(advance()).rejects.toThrow('away');
});
