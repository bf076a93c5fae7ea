// SPDX-License-Identifier: GPL-3.0-or-later
/** Sagas while they run: who may advance one, what is due, and what is stored of each step. */
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Database } from '../../src/adapters/postgres/database.ts';
import { postgresSagaRuns } from '../../src/adapters/postgres/sagas/saga-run-store.ts';
import type { SagaProgress, SagaRunStore, TakenSaga } from '../../src/core/sagas/ports.ts';
import { range } from '../support/crowd.ts';
import { openDatabase } from '../support/open-database.ts';
import { checkout, plantSagas } from '../support/sagas.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

let database: TestDatabase;
let connections: Database;
let runs: SagaRunStore;

beforeAll(async () => {
  database = await createTestDatabase();
  connections = openDatabase(database, { connectionsMax: 8 });
  runs = postgresSagaRuns(connections);
});

afterAll(async () => {
  await connections.close();
  await database.drop();
});

beforeEach(async () => {
  await database.query('truncate coupons, sagas, saga_steps, saga_definitions');
});

const take = (shard: number, options: Partial<Parameters<SagaRunStore['take']>[1]> = {}) =>
  runs.take(shard, { limit: 100, underWay: [], definitions: [checkout], ...options });

async function takeOne(shard = 0): Promise<TakenSaga> {
  const [taken] = await take(shard);
  if (taken === undefined) throw new Error('no saga is due');
  return taken;
}

/** The first step has ended. */
const done = (
  { sagaId, epoch }: Pick<TakenSaga, 'sagaId' | 'epoch'>,
  others: Partial<SagaProgress> = {},
): SagaProgress => ({
  ...{ sagaId, epoch, state: 'running', isUndoing: false, nextStep: 2, attempts: 0, dueInMs: 0 },
  ...{ step: { number: 1, state: 'done', attempts: 1, status: 200, error: null }, cause: null },
  ...others,
});

const stored = async (sagaId: string) => {
  const [row] = await database.query(
    `select state::text, is_undoing, step, attempts, cause, version from sagas where saga_id = $1`,
    [sagaId],
  );
  return row;
};

const stepsOf = (sagaId: string) =>
  database.query(
    `select step, state::text, attempts, last_status, last_error from saga_steps
     where saga_id = $1 order by step`,
    [sagaId],
  );

it('a taken saga carries its claim, its version, its next step and the time to its deadline', async () => {
  const [sagaId] = await plantSagas(database, 'shop', 1, { shard: 3 });
  const [taken] = await take(3);
  expect(taken).toMatchObject({
    ...{ sagaId, epoch: '1', name: 'checkout', version: checkout.version },
    ...{ isUndoing: false, step: 1, attempts: 0, isUndoAsked: false },
    claim: { couponName: 'shop', userId: 'user-1', position: 1 },
  });
  expect(taken?.claim.claimedAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  expect(taken?.msToDeadline).toBeGreaterThan(0);
  expect(taken?.msToDeadline).toBeLessThanOrEqual(600_000);
  expect(await take(4)).toEqual([]);
});

it('the shards with something due are found, and no others', async () => {
  for (const shard of [0, 7, 15]) await plantSagas(database, `shop ${shard}`, 2, { shard });
  await plantSagas(database, 'later', 1, { shard: 4 });
  await database.query(`update sagas set due_at = now() + interval '1 hour' where shard = 4`);
  await plantSagas(database, 'ended', 1, { shard: 5 });
  await database.query(`update sagas set state = 'D' where shard = 5`);
  expect(await runs.findDueShards()).toEqual([0, 7, 15]);
});

it('sagas are taken in the order of their becoming due, and those under way are left out', async () => {
  const ids = await plantSagas(database, 'shop', 5, { shard: 0 });
  const first = await take(0, { limit: 2 });
  expect(first.map(({ sagaId }) => sagaId)).toEqual(ids.slice(0, 2));
  const next = await take(0, { limit: 2, underWay: ids.slice(0, 2) });
  expect(next.map(({ sagaId }) => sagaId)).toEqual(ids.slice(2, 4));
});

it('a process that another one has replaced stores nothing, and learns it', async () => {
  await plantSagas(database, 'shop', 1, { shard: 0 });
  const paused = await takeOne();
  const current = await takeOne();
  expect(Number(current.epoch)).toBe(Number(paused.epoch) + 1);
  expect(await runs.record([done(paused)])).toEqual([{ isHeld: false, isUndoAsked: false }]);
  expect(await stepsOf(paused.sagaId)).toEqual([]);
  expect(await stored(paused.sagaId)).toMatchObject({ state: 'R', step: 1 });
  expect(await runs.record([done(current)])).toEqual([{ isHeld: true, isUndoAsked: false }]);
  expect(await stepsOf(paused.sagaId)).toEqual([
    { step: 1, state: 'D', attempts: 1, last_status: 200, last_error: null },
  ]);
  expect(await stored(paused.sagaId)).toMatchObject({ state: 'R', step: 2 });
});

it('of many progresses each is answered in its place, also where some are stored and others not', async () => {
  await plantSagas(database, 'shop', 30, { shard: 0 });
  const old = await take(0);
  const lost = await take(0, { limit: 10 });
  const lostIds = new Set(lost.map(({ sagaId }) => sagaId));
  const asked = old[29]?.sagaId;
  await database.query(`update sagas set undo_asked_at = now() where saga_id = $1`, [asked]);
  const shuffled = [...old].sort(() => Math.random() - 0.5);
  const recorded = await runs.record(shuffled.map((saga) => done(saga)));
  expect(recorded).toEqual(
    shuffled.map(({ sagaId }) => ({
      isHeld: !lostIds.has(sagaId),
      isUndoAsked: sagaId === asked,
    })),
  );
  const [steps] = await database.query('select count(*)::integer as count from saga_steps');
  expect(steps).toEqual({ count: 20 });
});

it('a step that ends while an operator asks for the undo is stored, and its process learns of it', async () => {
  await plantSagas(database, 'shop', 1, { shard: 0 });
  const taken = await takeOne();
  const session = new pg.Client({ connectionString: database.url });
  await session.connect();
  await session.query('begin');
  await session.query('update sagas set undo_asked_at = now(), due_at = now()');
  const recorded = runs.record([done(taken)]);
  await waitFor('wait for the saga', async () => {
    const waits = await database.query(
      `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    );
    return waits.length >= 1;
  });
  expect(await take(0)).toEqual([]);
  await session.query('commit');
  await session.end();
  expect(await recorded).toEqual([{ isHeld: true, isUndoAsked: true }]);
  expect(await stepsOf(taken.sagaId)).toHaveLength(1);
  expect(await takeOne()).toMatchObject({ step: 2, isUndoAsked: true });
});

it('a saga that has ended, or needs attention, is no longer stored to', async () => {
  await plantSagas(database, 'shop', 1, { shard: 0 });
  const taken = await takeOne();
  const attention = done(taken, { state: 'needs_attention', cause: 'the undo has failed' });
  expect(await runs.record([attention])).toMatchObject([{ isHeld: true }]);
  expect(await stored(taken.sagaId)).toMatchObject({ state: 'A', cause: 'the undo has failed' });
  expect(await take(0)).toEqual([]);
  expect(await runs.findDueShards()).toEqual([]);
  expect(await runs.record([done(taken)])).toMatchObject([{ isHeld: false }]);
});

it('a failed call is stored with its count, and the saga is due after its wait', async () => {
  await plantSagas(database, 'shop', 1, { shard: 0 });
  const taken = await takeOne();
  const error = 'the participant answered 503';
  const failed = done(taken, {
    step: { number: 1, state: 'pending', attempts: 1, status: 503, error },
    ...{ nextStep: 1, attempts: 1, dueInMs: 3_600_000, cause: null },
  });
  expect(await runs.record([failed])).toMatchObject([{ isHeld: true }]);
  expect(await take(0)).toEqual([]);
  await database.query(`update sagas set due_at = now()`);
  expect(await takeOne()).toMatchObject({ step: 1, attempts: 1 });
  expect(await stepsOf(taken.sagaId)).toEqual([
    { step: 1, state: 'P', attempts: 1, last_status: 503, last_error: error },
  ]);
});

it('no saga is advanced by two processes, and none is left out, however many take at once', async () => {
  const ids = await plantSagas(database, 'shop', 200, { shard: 0 });
  const advance = async () => {
    for (;;) {
      const taken = await take(0, { limit: 7 });
      if (taken.length === 0) return;
      await runs.record(
        taken.map((saga) =>
          saga.step < 3
            ? done(saga, { nextStep: saga.step + 1, step: stepOf(saga) })
            : done(saga, { nextStep: 4, step: stepOf(saga), dueInMs: 3_600_000 }),
        ),
      );
    }
  };
  const stepOf = ({ step }: TakenSaga) =>
    ({ number: step, state: 'done', attempts: 1, status: 200, error: null }) as const;
  await Promise.all(range(6).map(advance));
  const rows = await database.query<{ saga_id: string; steps: number[]; step: number }>(
    `select s.saga_id, s.step, array_agg(t.step order by t.step) as steps
     from sagas s join saga_steps t on t.saga_id = s.saga_id group by s.saga_id`,
  );
  expect(rows.length).toBe(ids.length);
  for (const row of rows) expect(row).toMatchObject({ step: 4, steps: [1, 2, 3] });
});

it('a saga keeps the version that it began with, which any process can read', async () => {
  await plantSagas(database, 'shop', 1, { shard: 0 });
  await runs.addDefinitions([checkout]);
  await takeOne();
  const newer = { ...checkout, version: 'fedcba9876543210', steps: checkout.steps.slice(0, 1) };
  await runs.addDefinitions([newer, checkout]);
  const [taken] = await take(0, { definitions: [newer] });
  expect(taken?.version).toBe(checkout.version);
  expect(await runs.readDefinition('checkout', checkout.version)).toEqual(checkout);
  expect(await runs.readDefinition('checkout', newer.version)).toEqual(newer);
  expect(await runs.readDefinition('checkout', 'none')).toBeUndefined();
  expect(await runs.readDefinition('other', newer.version)).toBeUndefined();
});

it('a saga that no step was called of is left for a process that knows it, until its deadline', async () => {
  const [ended] = await plantSagas(database, 'late', 1, {
    ...{ shard: 0, name: 'unknown', deadlineSeconds: -1 },
  });
  await plantSagas(database, 'shop', 1, { shard: 0, name: 'unknown' });
  const [asked] = await plantSagas(database, 'asked', 1, { shard: 0, name: 'unknown' });
  await database.query(`update sagas set undo_asked_at = now() where saga_id = $1`, [asked]);
  const taken = await take(0);
  expect(new Set(taken.map(({ sagaId }) => sagaId))).toEqual(new Set([ended, asked]));
  for (const { version } of taken) expect(version).toBeNull();
  expect(taken.find(({ sagaId }) => sagaId === ended)?.msToDeadline).toBeLessThan(0);
});

it('a saga gets no version once its deadline has passed, so that no step is called', async () => {
  await plantSagas(database, 'late', 1, { shard: 0, deadlineSeconds: -1 });
  expect(await takeOne()).toMatchObject({ version: null, step: 1 });
});
