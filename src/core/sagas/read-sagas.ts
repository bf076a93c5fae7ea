// SPDX-License-Identifier: GPL-3.0-or-later
import { AppError } from '../errors.ts';
import type { SagaPage, SagaQuery, SagaStore } from './ports.ts';
import type { Saga } from './saga.ts';

/** Reads sagas and their steps. An unknown id is the fault `saga_not_found`. */
export type ReadSagas = {
  list(query: SagaQuery): Promise<SagaPage>;
  read(sagaId: string): Promise<Saga>;
};

/** Reads sagas from a store. */
export function readSagasWith(store: Pick<SagaStore, 'list' | 'read'>): ReadSagas {
  return {
    list: (query) => store.list(query),
    async read(sagaId) {
      const saga = await store.read(sagaId);
      if (saga === undefined) throw sagaNotFound();
      return saga;
    },
  };
}

/** The fault for an id that is no saga. */
export function sagaNotFound(): AppError {
  return new AppError('saga_not_found', { detail: 'there is no saga with this id' });
}
