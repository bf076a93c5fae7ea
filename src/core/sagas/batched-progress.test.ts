// SPDX-License-Identifier: GPL-3.0-or-later
import { expect, it } from 'vitest';
import { FixedClock, flushPromises } from '../../../test/support/fixed-clock.ts';
import { batchedProgress } from './batched-progress.ts';
import type { Recorded, SagaProgress } from './ports.ts';

const progressOf = (sagaId: string): SagaProgress => ({
  ...{ sagaId, epoch: '1', step: undefined, state: 'running', isUndoing: false },
  ...{ nextStep: 1, attempts: 0, dueInMs: 0, cause: null },
});

/** A store whose statements end when the test says so. */
function setUp() {
  const statements: { ids: string[]; end(held: boolean): void; fail(): void }[] = [];
  const clock = new FixedClock();
  const store = {
    record: (progress: readonly SagaProgress[]) =>
      new Promise<Recorded[]>((resolve, reject) => {
        statements.push({
          ids: progress.map(({ sagaId }) => sagaId),
          end: (isHeld) => resolve(progress.map(() => ({ isHeld, isUndoAsked: false }))),
          fail: () => reject(new Error('away')),
        });
      }),
  };
  const record = batchedProgress(store, clock);
  return { clock, statements, store: (sagaId: string) => record(progressOf(sagaId)) };
}

it('what arrives while a statement is under way is stored with the next one', async () => {
  const { statements, store } = setUp();
  const all = ['a', 'b', 'c'].map(store);
  expect(statements.map(({ ids }) => ids)).toEqual([['a']]);
  statements[0]?.end(true);
  await flushPromises();
  expect(statements.map(({ ids }) => ids)).toEqual([['a'], ['b', 'c']]);
  statements[1]?.end(false);
  expect((await Promise.all(all)).map(({ isHeld }) => isHeld)).toEqual([true, false, false]);
});

it('what arrives in one turn of the event loop is stored with one statement', async () => {
  const { clock, statements, store } = setUp();
  const endTurn = clock.holdTurn();
  const all = ['a', 'b', 'c'].map(store);
  expect(statements).toEqual([]);
  endTurn();
  expect(statements.map(({ ids }) => ids)).toEqual([['a', 'b', 'c']]);
  statements[0]?.end(true);
  expect(await Promise.all(all)).toHaveLength(3);
});

it('a statement that fails is the failure of its sagas alone', async () => {
  const { statements, store } = setUp();
  const first = store('a');
  const second = store('b');
  statements[0]?.fail();
  await expect(first).rejects.toThrow('away');
  statements[1]?.end(true);
  await expect(second).resolves.toMatchObject({ isHeld: true });
});

it('a statement has at most 200 sagas, and each of them once', async () => {
  const { statements, store } = setUp();
  void store('first');
  for (let n = 0; n < 250; n += 1) void store(`saga ${n}`);
  void store('saga 249');
  for (const length of [1, 200, 50, 1]) {
    expect(statements.at(-1)?.ids).toHaveLength(length);
    statements.at(-1)?.end(true);
    await flushPromises();
  }
});
