// SPDX-License-Identifier: GPL-3.0-or-later
/** What operators read and change of sagas. */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Database } from '../../src/adapters/postgres/database.ts';
import { postgresOperatorLog } from '../../src/adapters/postgres/operator-log.ts';
import { postgresSagaRuns } from '../../src/adapters/postgres/sagas/saga-run-store.ts';
import { postgresSagaStore } from '../../src/adapters/postgres/sagas/saga-store.ts';
import type { SagaProgress, SagaRunStore, SagaStore } from '../../src/core/sagas/ports.ts';
import { sagaStates } from '../../src/core/sagas/saga.ts';
import { byTest } from '../support/by-test.ts';
import { openDatabase } from '../support/open-database.ts';
import { checkout, plantSagas } from '../support/sagas.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

let database: TestDatabase;
let connections: Database;
let runs: SagaRunStore;
let store: SagaStore;

beforeAll(async () => {
  database = await createTestDatabase();
  connections = openDatabase(database);
  runs = postgresSagaRuns(connections);
  store = postgresSagaStore(connections);
  await runs.addDefinitions([checkout]);
});

afterAll(async () => {
  await connections.close();
  await database.drop();
});

beforeEach(async () => {
  await database.query('truncate coupons, sagas, saga_steps');
});

const noSaga = ['00000000-0000-0000-0000-000000000000', 'none', ''];

/** A saga whose second step can neither be done nor undone: of one that is undone, or one that is run. */
async function inAttention(options: { isUndoing: boolean }): Promise<SagaProgress> {
  await plantSagas(database, 'shop', 1, { shard: 0 });
  const [taken] = await runs.take(0, { limit: 1, underWay: [], definitions: [checkout] });
  if (taken === undefined) throw new Error('no saga is due');
  const { sagaId, epoch } = taken;
  const at = { sagaId, epoch, attempts: 0, dueInMs: 0, cause: null };
  const first = { number: 1, state: 'done', attempts: 2, status: 200, error: null } as const;
  const running = { ...at, state: 'running', isUndoing: false, nextStep: 2 } as const;
  await runs.record([{ ...running, step: first }]);
  const error = 'the participant answered 500';
  const progress: SagaProgress = {
    ...{ ...at, ...options, state: 'needs_attention', nextStep: 2, attempts: 5, cause: error },
    step: { number: 2, state: 'unknown', attempts: 5, status: 500, error },
  };
  await runs.record([progress]);
  return progress;
}

/** The entries of the operator log about a saga, the newest first. */
async function logged(sagaId: string) {
  const { entries } = await postgresOperatorLog(connections)({ before: undefined, limit: 100 });
  return entries.filter(
    ({ after }) => after !== null && 'saga_id' in after && after.saga_id === sagaId,
  );
}

it('a saga shows its steps in order, with what became of each', async () => {
  const { sagaId } = await inAttention({ isUndoing: true });
  const saga = await store.read(sagaId);
  expect(saga).toMatchObject({
    ...{ sagaId, name: 'checkout', version: checkout.version, state: 'needs_attention' },
    ...{ couponName: 'shop', userId: 'user-1', position: 1, endedAt: null, nextAttemptAt: null },
    cause: 'the participant answered 500',
    steps: [
      { name: 'authorize', participant: 'payment', state: 'done', attempts: 2, lastStatus: 200 },
      { name: 'points', participant: 'loyalty', state: 'unknown', attempts: 5, lastStatus: 500 },
      {
        ...{ name: 'capture', participant: 'payment', state: 'pending', attempts: 0 },
        ...{ lastStatus: null, lastError: null, changedAt: null },
      },
    ],
  });
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;
  for (const at of [saga?.startedAt, saga?.deadlineAt, saga?.steps[0]?.changedAt]) {
    expect(at).toMatch(time);
  }
});

it('a saga of which no step was called has no steps yet, and is due', async () => {
  const [sagaId = ''] = await plantSagas(database, 'shop', 1);
  const saga = await store.read(sagaId);
  expect(saga).toMatchObject({ state: 'running', version: null, steps: [] });
  expect(saga?.nextAttemptAt).toBe(saga?.startedAt);
});

it.each(noSaga)('there is no saga "%s"', async (id) => {
  expect(await store.read(id)).toBeUndefined();
  expect(await store.retry(id, byTest)).toBe('saga_not_found');
  expect(await store.resolve(id, { as: 'done', note: 'why' }, byTest)).toBe('saga_not_found');
});

it.each([
  [true, 'compensating'],
  [false, 'running'],
] as const)(
  'a retried saga (undoing: %s) goes on where it stopped, with all of its attempts, and is logged',
  async (isUndoing, state) => {
    const progress = await inAttention({ isUndoing });
    const { sagaId } = progress;
    expect(await store.retry(sagaId, byTest)).toMatchObject({ sagaId, state });
    const next = await runs.take(0, { limit: 1, underWay: [], definitions: [] });
    // That a step was called is kept: it is asked for again, also after the deadline.
    const attempts = isUndoing ? 0 : 1;
    expect(next).toMatchObject([{ sagaId, isUndoing, step: 2, attempts }]);
    expect(await logged(sagaId)).toMatchObject([
      {
        ...{ action: 'retry_saga', couponName: 'shop', actor: byTest.actor, reason: null },
        before: { saga: 'checkout', state: 'needs_attention', step: 2 },
        after: { saga: 'checkout', state, step: 2 },
      },
    ]);
    expect(await store.retry(sagaId, byTest)).toBe('not_in_attention');
  },
);

it('a process that stopped a saga cannot stop it again after it was retried or resolved', async () => {
  const progress = await inAttention({ isUndoing: false });
  await store.retry(progress.sagaId, byTest);
  expect(await runs.record([progress])).toEqual([{ isHeld: false, isUndoAsked: false }]);
  await database.query(`update sagas set state = 'A'`);
  const [row] = await database.query<{ epoch: string }>('select epoch from sagas');
  await store.resolve(progress.sagaId, { as: 'done', note: 'paid' }, byTest);
  const again = { ...progress, epoch: String(row?.epoch) };
  expect(await runs.record([again])).toEqual([{ isHeld: false, isUndoAsked: false }]);
});

it.each([
  ['done', 'running', false, 4],
  ['compensated', 'compensating', true, 0],
] as const)(
  'a saga that is resolved as %s has nothing left to call, and the same resolution changes nothing',
  async (as, state, isUndoing, step) => {
    const { sagaId } = await inAttention({ isUndoing: true });
    await database.query(`update sagas set undo_asked_at = now(), undo_reason = 'asked'`);
    const resolution = { as, note: 'seen in the books' };
    const resolved = await store.resolve(sagaId, resolution, byTest);
    expect(resolved).toMatchObject({ sagaId, state });
    expect(await store.resolve(sagaId, resolution, byTest)).toEqual(resolved);
    const taken = await runs.take(0, { limit: 1, underWay: [], definitions: [] });
    const isUndoAsked = as === 'compensated';
    expect(taken).toMatchObject([{ sagaId, isUndoing, step, attempts: 0, isUndoAsked }]);
    expect(await logged(sagaId)).toMatchObject([
      {
        action: 'resolve_saga',
        reason: 'seen in the books',
        after: { state, step, resolved_as: as },
      },
    ]);
    const other = as === 'done' ? 'compensated' : 'done';
    expect(await store.resolve(sagaId, { as: other, note: 'no' }, byTest)).toBe('not_in_attention');
  },
);

it('a saga that needs no attention is neither retried nor resolved', async () => {
  const [sagaId = ''] = await plantSagas(database, 'shop', 1);
  for (const state of ['R', 'C', 'D', 'X']) {
    await database.query('update sagas set state = $1', [state]);
    expect(await store.retry(sagaId, byTest)).toBe('not_in_attention');
    for (const as of ['done', 'compensated'] as const) {
      expect(await store.resolve(sagaId, { as, note: 'why' }, byTest)).toBe('not_in_attention');
    }
  }
  expect(await logged(sagaId)).toEqual([]);
});

it('pages list each saga once, the oldest first, of all states or of some', async () => {
  const ids = await plantSagas(database, 'shop', 25);
  // Sagas of one batch of claims have one time.
  await database.query(
    `update sagas set started_at = date_trunc('second', now()),
       state = (array['R', 'C', 'A', 'D', 'X'])[position % 5 + 1]::"char"`,
  );
  const listed = async (states: Parameters<SagaStore['list']>[0]['states']) => {
    const found: string[] = [];
    for (let cursor: string | undefined; ; ) {
      const page = await store.list({ states, cursor, limit: 3 });
      found.push(...page.sagas.map(({ sagaId }) => sagaId));
      if (page.next === null) return found;
      expect(page.sagas).toHaveLength(3);
      cursor = page.next;
    }
  };
  expect(await listed(undefined)).toEqual([...ids].sort());
  for (const state of sagaStates) expect(await listed([state])).toHaveLength(5);
  expect(await listed(['running', 'needs_attention'])).toHaveLength(10);
  expect(await listed([])).toEqual([]);
});

it('the cursor of another list is refused', async () => {
  for (const cursor of ['', '-', 'x', '1', `${noSaga[0]}`, `-${noSaga[0]}`, `1-${noSaga[0]}0`]) {
    const page = store.list({ states: undefined, cursor, limit: 3 });
    await expect(page).rejects.toMatchObject({ code: 'invalid_request' });
  }
});
