// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../clock.ts';
import type { ActedBy } from '../operator-log/operator-log.ts';
import { inSlices } from './in-slices.ts';
import type { WebhookStore } from './ports.ts';
import { webhookNotFound } from './webhook.ts';

/**
 * Deletes a webhook, and then its deliveries. Faults: `webhook_not_found`, `unavailable`, `outcome_unknown`. A repeat
 * after a fault also deletes the deliveries that are left.
 */
export type DeleteWebhook = (webhookId: string, by: ActedBy) => Promise<void>;

/** Deletes webhooks from a store, their deliveries in slices: a webhook may have millions. */
export function deleteWebhookWith(parts: {
  store: Pick<WebhookStore, 'delete' | 'deleteDeliveries'>;
  clock: Pick<Clock, 'nowMs' | 'sleep'>;
}): DeleteWebhook {
  const { store, clock } = parts;
  return async (webhookId, by) => {
    const wasThere = await store.delete(webhookId, by);
    await inSlices(clock, async () =>
      (await store.deleteDeliveries(webhookId)) > 0 ? 'more' : 'end',
    );
    if (!wasThere) throw webhookNotFound();
  };
}
