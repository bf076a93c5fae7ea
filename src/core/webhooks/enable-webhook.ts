// SPDX-License-Identifier: GPL-3.0-or-later
import type { ActedBy } from '../operator-log/operator-log.ts';
import type { WebhookStore } from './ports.ts';
import { type Webhook, webhookNotFound } from './webhook.ts';

/**
 * Enables a disabled webhook, which gets what happens from then on. One that is active stays as it is. Faults:
 * `webhook_not_found`, `unavailable`, `outcome_unknown`.
 */
export type EnableWebhook = (webhookId: string, by: ActedBy) => Promise<Webhook>;

/** Enables webhooks in a store. */
export function enableWebhookWith(store: Pick<WebhookStore, 'enable'>): EnableWebhook {
  return async (webhookId, by) => {
    const webhook = await store.enable(webhookId, by);
    if (webhook === undefined) throw webhookNotFound();
    return webhook;
  };
}
