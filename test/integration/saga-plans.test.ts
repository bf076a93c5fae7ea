// SPDX-License-Identifier: GPL-3.0-or-later
/** What sagas cost does not grow with their number, whenever a plan was made. */
import { expect, it } from 'vitest';
import { postgresSagaRuns } from '../../src/adapters/postgres/sagas/saga-run-store.ts';
import { postgresSagaStore } from '../../src/adapters/postgres/sagas/saga-store.ts';
import { sagaStates } from '../../src/core/sagas/saga.ts';
import { byTest } from '../support/by-test.ts';
import { openDatabase } from '../support/open-database.ts';
import { checkout, plantSagas } from '../support/sagas.ts';
import { usesOf } from '../support/table-uses.ts';
import { createTestDatabase } from '../support/test-database.ts';

const sagasInAll = 100_000;
// After five executions a prepared statement may get a generic plan.
const rounds = 7;
const limit = 10;

it.each([
  ['empty', false],
  ['full', true],
])(
  'sagas are taken, stored and listed along the indexes, planned on tables that are %s',
  async (_, isFull) => {
    const database = await createTestDatabase();
    for (const table of ['sagas', 'saga_steps']) {
      await database.query(`alter table ${table} set (autovacuum_enabled = false)`);
    }
    const connections = openDatabase(database, { connectionsMax: 1 });
    const runs = postgresSagaRuns(connections);
    const store = postgresSagaStore(connections);
    await runs.addDefinitions([checkout]);
    const useAll = async () => {
      for (let round = 0; round < rounds; round += 1) {
        await runs.findDueShards();
        const options = { limit, underWay: [], definitions: [checkout] };
        const taken = await runs.take(round % 16, options);
        await runs.record(
          taken.map(({ sagaId, epoch, step }) => ({
            ...{ sagaId, epoch, state: 'running', isUndoing: false, nextStep: step + 1 },
            ...{ attempts: 0, dueInMs: 60_000, cause: null },
            step: { number: step, state: 'done', attempts: 1, status: 200, error: null },
          })),
        );
        const page = { cursor: undefined, limit };
        for (const state of sagaStates) await store.list({ ...page, states: [state] });
        const { next } = await store.list({ ...page, states: undefined });
        await store.list({ ...page, states: undefined, cursor: next ?? undefined });
        const sagaId = taken[0]?.sagaId ?? 'none';
        await store.read(sagaId);
        await store.retry(sagaId, byTest);
        await store.resolve(sagaId, { as: 'done', note: 'why' }, byTest);
      }
    };
    if (!isFull) await useAll();
    await plantSagas(database, 'shop', sagasInAll);
    await database.query(
      `insert into saga_steps (saga_id, step, state, attempts, changed_at)
       select saga_id, 4, 'D', 1, now() from sagas`,
    );
    if (isFull) await database.query('analyze');
    await useAll();
    await connections.close();

    const uses = await usesOf(database);
    // Planting reads sagas once.
    expect(Number(uses.sagas?.seq_scan)).toBeLessThanOrEqual(1);
    expect(uses.saga_steps).toMatchObject({ seq_scan: '0' });
    expect(uses.saga_definitions).toMatchObject({ seq_scan: '0' });
    for (const table of ['sagas', 'saga_steps']) {
      expect(Number(uses[table]?.idx_scan), table).toBeGreaterThan(0);
      expect(Number(uses[table]?.idx_tup_fetch), table).toBeLessThan(2 * rounds * 40 * limit);
    }
    await database.drop();
  },
  240_000,
);
