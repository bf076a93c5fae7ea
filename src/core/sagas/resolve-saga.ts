// SPDX-License-Identifier: GPL-3.0-or-later
import type { ActedBy } from '../operator-log/operator-log.ts';
import type { Resolution, SagaStore } from './ports.ts';
import { toSaga } from './retry-saga.ts';
import type { Saga } from './saga.ts';

/**
 * Ends a saga that needs attention without a further call: its claim is confirmed or released soon after. Faults:
 * `saga_not_found`, `invalid_request` where it needs no attention, `unavailable`, `outcome_unknown`. The same resolution
 * again returns the saga.
 */
export type ResolveSaga = (sagaId: string, resolution: Resolution, by: ActedBy) => Promise<Saga>;

/** Resolves sagas of a store. */
export function resolveSagaWith(store: Pick<SagaStore, 'resolve'>): ResolveSaga {
  return async (sagaId, resolution, by) => toSaga(await store.resolve(sagaId, resolution, by));
}
