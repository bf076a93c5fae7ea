// SPDX-License-Identifier: GPL-3.0-or-later
import { invalidField } from '../coupons/invalid-field.ts';
import type { ActedBy } from '../operator-log/operator-log.ts';
import type { SagaStore } from './ports.ts';
import { sagaNotFound } from './read-sagas.ts';
import type { Saga } from './saga.ts';

/**
 * Lets a saga that needs attention go on where it stopped, with all its attempts anew. Faults: `saga_not_found`,
 * `invalid_request` where it needs no attention, `unavailable`, `outcome_unknown`.
 */
export type RetrySaga = (sagaId: string, by: ActedBy) => Promise<Saga>;

/** Retries sagas of a store. */
export function retrySagaWith(store: Pick<SagaStore, 'retry'>): RetrySaga {
  return async (sagaId, by) => toSaga(await store.retry(sagaId, by));
}

/** The saga, or the fault that stands for it. */
export function toSaga(found: Saga | 'saga_not_found' | 'not_in_attention'): Saga {
  if (found === 'saga_not_found') throw sagaNotFound();
  if (found !== 'not_in_attention') return found;
  throw invalidField({ field: 'id', message: 'must be a saga that needs attention' });
}
