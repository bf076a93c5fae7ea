// SPDX-License-Identifier: GPL-3.0-or-later
import type { DeliveryMetrics, DeliveryStore } from './ports.ts';

/** Counts the attempts whose results a store keeps. */
export function countDeliveries(store: DeliveryStore, metrics: DeliveryMetrics): DeliveryStore {
  return {
    ...store,
    async record(session, results, receiver) {
      const isStored = await store.record(session, results, receiver);
      if (!isStored) return false;
      for (const { state } of results) metrics.eventSent(state === 'pending' ? 'failed' : state);
      return true;
    },
  };
}
