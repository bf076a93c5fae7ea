// SPDX-License-Identifier: GPL-3.0-or-later
import type { DeliveryPage, DeliveryQuery, WebhookStore } from './ports.ts';
import { type Webhook, webhookNotFound } from './webhook.ts';

/** Reads webhooks and their deliveries. An unknown id is the fault `webhook_not_found`. */
export type ReadWebhooks = {
  /** All, in order of their creation. */
  list(): Promise<Webhook[]>;
  read(webhookId: string): Promise<Webhook>;
  /** A page of the deliveries of a webhook, the newest event first. */
  listDeliveries(webhookId: string, query: DeliveryQuery): Promise<DeliveryPage>;
};

/** Reads webhooks from a store. */
export function readWebhooksWith(
  store: Pick<WebhookStore, 'list' | 'read' | 'listDeliveries'>,
): ReadWebhooks {
  return {
    list: () => store.list(),
    async read(webhookId) {
      const found = await store.read(webhookId);
      if (found === undefined) throw webhookNotFound();
      return found.webhook;
    },
    async listDeliveries(webhookId, query) {
      const page = await store.listDeliveries(webhookId, query);
      if (page === undefined) throw webhookNotFound();
      return page;
    },
  };
}
