// SPDX-License-Identifier: GPL-3.0-or-later
import type { EventType } from '../../../core/events/ports.ts';
import { Secret } from '../../../core/secret.ts';
import type { WebhookStore } from '../../../core/webhooks/ports.ts';
import type { Webhook } from '../../../core/webhooks/webhook.ts';
import { toMicroseconds } from '../claim-rows.ts';
import type { Database } from '../database.ts';
import { throwAsReadError, throwAsWriteError } from '../errors/app-error.ts';
import { statement } from '../statements.ts';
import { postgresWebhookDeliveries, toUuid } from './webhook-deliveries.ts';

const createWebhook = statement('create-webhook');
const listWebhooks = statement('list-webhooks');
const readWebhook = statement('read-webhook');
const deleteWebhook = statement('delete-webhook');
const enableWebhook = statement('enable-webhook');
const rotateWebhookSecret = statement('rotate-webhook-secret');

type WebhookRow = {
  id: string;
  url: string;
  events: EventType[];
  coupon_name: string | null;
  created_at: string;
  disabled_at: string | null;
  disabled_reason: string | null;
};

type CreateRow =
  | (WebhookRow & { outcome: 'created' | 'replayed' })
  | { outcome: 'key_reused' | 'coupon_not_found' | 'too_many' };

/** Keeps webhooks in PostgreSQL. The database must know the secrets, since each delivery is signed with them. */
export function postgresWebhookStore(database: Database, installationId: string): WebhookStore {
  return {
    ...postgresWebhookDeliveries(database, installationId),

    async create(webhook, { actor, requestId }) {
      const values = [
        ...[webhook.webhookId, webhook.url, webhook.events, webhook.couponName],
        ...[webhook.secret.reveal(), webhook.idempotencyKey ?? null, webhook.webhooksMax],
        ...[actor, requestId],
      ];
      const [row] = await database.run<CreateRow>(createWebhook, values).catch(throwAsWriteError);
      if (row === undefined) throw new Error('the creation of a webhook has no outcome');
      switch (row.outcome) {
        case 'created':
        case 'replayed':
          return { webhook: toWebhook(row), replayed: row.outcome === 'replayed' };
        case 'key_reused':
          return 'idempotency_key_reused';
        default:
          return row.outcome;
      }
    },

    async list() {
      const rows = await database.run<WebhookRow>(listWebhooks, []).catch(throwAsReadError);
      return rows.map(toWebhook);
    },

    async read(webhookId) {
      const [row] = await database
        .run<WebhookRow & { secrets: string[] }>(readWebhook, [toUuid(webhookId)])
        .catch(throwAsReadError);
      if (row === undefined) return undefined;
      return { webhook: toWebhook(row), secrets: row.secrets.map((text) => new Secret(text)) };
    },

    async delete(webhookId, { actor, requestId }) {
      const [row] = await database
        .run<{ is_deleted: boolean }>(deleteWebhook, [toUuid(webhookId), actor, requestId])
        .catch(throwAsWriteError);
      return row?.is_deleted === true;
    },

    async enable(webhookId, { actor, requestId }) {
      const [row] = await database
        .run<WebhookRow>(enableWebhook, [toUuid(webhookId), actor, requestId])
        .catch(throwAsWriteError);
      return row && toWebhook(row);
    },

    async rotateSecret(webhookId, secret, { actor, requestId }) {
      const values = [toUuid(webhookId), secret.reveal(), actor, requestId];
      const [row] = await database
        .run<WebhookRow>(rotateWebhookSecret, values)
        .catch(throwAsWriteError);
      return row && toWebhook(row);
    },
  };
}

function toWebhook(row: WebhookRow): Webhook {
  return {
    webhookId: row.id,
    url: row.url,
    events: row.events,
    couponName: row.coupon_name,
    createdAt: toMicroseconds(row.created_at),
    disabledAt: row.disabled_at && toMicroseconds(row.disabled_at),
    disabledReason: row.disabled_reason,
  };
}
