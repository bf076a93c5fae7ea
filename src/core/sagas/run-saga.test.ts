// SPDX-License-Identifier: GPL-3.0-or-later
import { expect, it } from 'vitest';
import {
  type Conduct,
  definitionOf,
  ModelParticipants,
  SagaModel,
  stepOf,
} from '../../../test/support/saga-model.ts';
import { AppError } from '../errors.ts';
import type { CallAnswer } from './ports.ts';
import { runSaga, type SagaRunOptions } from './run-saga.ts';

/** A saga of three steps, run until it stops. `conducts` are taken by the calls in order. */
function setUp(conducts: Conduct[] = [], options: Partial<SagaRunOptions> = {}) {
  const model = new SagaModel(
    definitionOf(['one', 'two', 'three'].map((name) => stepOf(name))),
    9_000,
  );
  const participants = new ModelParticipants();
  const calls: string[] = [];
  const reached: string[] = [];
  const lines: string[] = [];
  const stopping = new AbortController();
  const before = { change: () => {}, call: () => {}, record: () => {} };
  const all: SagaRunOptions = {
    ...{ clock: { nowMs: () => model.nowMs }, random: () => 1, hasParticipant: () => true },
    findDefinition: async () => model.definition,
    metrics: {
      stepCalled: ({ step, result }) => void reached.push(`${step} ${result}`),
      sagaReached: (state) => void reached.push(state),
    },
    warn: (_, message) => void lines.push(message),
    async record(progress) {
      before.record();
      return model.record(progress);
    },
    async changeClaim(command) {
      before.change();
      const outcome = model.change(command);
      return outcome === 'saga_moved' ? { outcome } : { outcome, claim: {} as never };
    },
    async call({ step, direction, idempotencyKey }): Promise<CallAnswer> {
      before.call();
      calls.push(idempotencyKey);
      const answer = participants.answer(step.name, direction, conducts.shift() ?? 'does');
      if (answer === 'done') return { kind: 'done', status: 200 };
      if (answer === 'declined') return { kind: 'declined', status: 422, error: 'no' };
      return { kind: 'unknown', status: null, error: 'away', retryAfterSeconds: undefined };
    },
    ...options,
  };
  const run = async (isOver = () => stopping.signal.aborted) => {
    const taken = model.take();
    if (taken === undefined) throw new Error('the saga is not due');
    await runSaga(all, taken, { takenMs: model.nowMs, signal: stopping.signal, isOver });
  };
  return { model, participants, calls, reached, lines, stopping, before, run };
}

it('runs all steps, each with its key, and confirms the claim', async () => {
  const { model, calls, reached, run } = setUp();
  await run();
  expect(calls).toEqual(['saga:one:run', 'saga:two:run', 'saga:three:run']);
  expect([model.state, model.claim]).toEqual(['done', 'confirmed']);
  expect(reached).toEqual(['one done', 'two done', 'three done', 'done']);
});

it('undoes what is done in reverse order where a step is declined, then releases the claim', async () => {
  const { model, calls, reached, run } = setUp(['does', 'does', 'declines']);
  await run();
  expect(calls.slice(3)).toEqual(['saga:two:undo', 'saga:one:undo']);
  expect([model.state, model.claim]).toEqual(['compensated', 'released']);
  expect(reached.slice(3)).toEqual(['compensating', 'two done', 'one done', 'compensated']);
});

it('asks again with the same key where an answer is lost, after the wait', async () => {
  const { model, participants, calls, run } = setUp(['late']);
  await run();
  expect(participants.done()).toEqual(['one']);
  expect([model.state, model.step, model.attempts, model.dueMs]).toEqual(['running', 1, 1, 200]);
  model.nowMs = 200;
  await run();
  expect(calls.slice(0, 2)).toEqual(['saga:one:run', 'saga:one:run']);
  expect(model.state).toBe('done');
});

it('needs attention after the last attempt of an undo, and goes on after a retry', async () => {
  const { model, reached, run } = setUp(['does', 'declines', 'away', 'away', 'away']);
  for (model.nowMs = 0; model.isOpen; model.nowMs += 30_000) await run();
  expect([model.state, model.claim, model.step]).toEqual(['needs_attention', 'reserved', 1]);
  expect(reached.at(-1)).toBe('needs_attention');
  model.retry();
  await run();
  expect([model.state, model.claim]).toEqual(['compensated', 'released']);
});

it('ends at once where another process has taken the saga', async () => {
  const { model, calls, before, run } = setUp();
  before.record = () => {
    model.epoch += 1;
  };
  await run();
  expect(calls).toEqual(['saga:one:run']);
  expect(model.step).toBe(1);
});

it('stores no attempt that was given up at a stop, and makes no further call', async () => {
  const { model, calls, stopping, before, run } = setUp(['does', 'away']);
  before.call = () => {
    if (calls.length === 1) stopping.abort();
  };
  await run();
  expect(calls).toHaveLength(2);
  expect([model.state, model.step, model.attempts]).toEqual(['running', 2, 0]);
});

it('stores an answer that arrives at a stop, and makes no further call', async () => {
  const { model, calls, stopping, before, run } = setUp();
  before.call = () => stopping.abort();
  await run();
  expect(calls).toHaveLength(1);
  expect([model.state, model.step]).toEqual(['running', 2]);
});

it('makes no further call once its turn is over', async () => {
  const { model, calls, run } = setUp();
  await run(() => calls.length === 2);
  expect([model.state, model.step, model.dueMs]).toEqual(['running', 3, 0]);
});

it('undoes at once, without its wait, where an operator asks for it during a call', async () => {
  const { model, calls, before, run } = setUp(['does', 'away']);
  before.call = () => {
    if (calls.length === 1) model.askUndo();
  };
  await run();
  expect(calls.slice(2)).toEqual(['saga:two:undo', 'saga:one:undo']);
  expect(model.claim).toBe('released');
});

it('undoes where an operator asks for it just before the claim is confirmed', async () => {
  const { model, calls, before, run } = setUp();
  before.change = () => {
    if (model.claim === 'reserved' && !model.isUndoing) model.askUndo();
  };
  await run();
  expect(calls.slice(3)).toEqual(['saga:three:undo', 'saga:two:undo', 'saga:one:undo']);
  expect(model.claim).toBe('released');
});

it('undoes a saga that is done where an operator asks for it', async () => {
  const { model, calls, run } = setUp();
  await run();
  model.askUndo();
  await run();
  expect(calls.slice(3)).toEqual(['saga:three:undo', 'saga:two:undo', 'saga:one:undo']);
  expect([model.state, model.claim]).toEqual(['compensated', 'released']);
});

it.each(['overloaded', 'unavailable', 'outcome_unknown'] as const)(
  'confirms again later where the database answers %s, without a further call',
  async (code) => {
    const { model, calls, lines, before, run } = setUp();
    before.change = () => {
      throw new AppError(code, { detail: 'away' });
    };
    await run();
    expect([model.state, model.step, model.attempts, model.dueMs]).toEqual(['running', 4, 1, 200]);
    before.change = () => {};
    // The deadline has passed meanwhile.
    model.nowMs = 10_000;
    await run();
    expect([model.state, calls.length, lines]).toEqual(['done', 3, []]);
  },
);

it('logs what should not happen to a claim, and tries again later', async () => {
  const { model, lines, run } = setUp([], {
    changeClaim: async () => ({ outcome: 'claim_not_found' }),
  });
  await run();
  expect([model.state, model.attempts]).toEqual(['running', 1]);
  expect(lines).toEqual(['a saga could not be ended']);
});

it('releases the claim of a saga that no process has begun before its deadline, without a call', async () => {
  const { model, calls, run } = setUp();
  model.nowMs = 9_000;
  await run();
  expect(calls).toEqual([]);
  expect(model.claim).toBe('released');
});

it('undoes the step that a process which is gone may have run before the deadline', async () => {
  const { model, calls, run } = setUp();
  model.take();
  model.nowMs = 9_000;
  await run();
  expect(calls).toEqual(['saga:one:undo']);
  expect(model.claim).toBe('released');
});
