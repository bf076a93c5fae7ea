// SPDX-License-Identifier: GPL-3.0-or-later
/** Composes what operators can do with sagas. */
import type { Database } from '../adapters/postgres/database.ts';
import { postgresSagaStore } from '../adapters/postgres/sagas/saga-store.ts';
import { readSagasWith } from '../core/sagas/read-sagas.ts';
import { resolveSagaWith } from '../core/sagas/resolve-saga.ts';
import { retrySagaWith } from '../core/sagas/retry-saga.ts';
import type { SagaUseCases } from '../core/use-cases.ts';

/** Creates the use cases on a database. */
export function createSagaUseCases(database: Database): SagaUseCases {
  const store = postgresSagaStore(database);
  return {
    readSagas: readSagasWith(store),
    retrySaga: retrySagaWith(store),
    resolveSaga: resolveSagaWith(store),
  };
}
