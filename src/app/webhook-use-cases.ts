// SPDX-License-Identifier: GPL-3.0-or-later
/** Composes the use cases of webhooks. */
import type { Database } from '../adapters/postgres/database.ts';
import { postgresWebhookStore } from '../adapters/postgres/events/webhook-store.ts';
import { systemClock } from '../adapters/system/clock.ts';
import { newId } from '../adapters/system/ids.ts';
import { newWebhookSecret } from '../adapters/system/webhook-secret.ts';
import type { WebhookUseCases } from '../core/use-cases.ts';
import { createWebhookWith } from '../core/webhooks/create-webhook.ts';
import { deleteWebhookWith } from '../core/webhooks/delete-webhook.ts';
import { enableWebhookWith } from '../core/webhooks/enable-webhook.ts';
import { readWebhooksWith } from '../core/webhooks/read-webhooks.ts';
import { redeliverEventsWith } from '../core/webhooks/redeliver-events.ts';
import { rotateWebhookSecretWith } from '../core/webhooks/rotate-webhook-secret.ts';
import { testWebhookWith } from '../core/webhooks/test-webhook.ts';
import { toEventBody } from '../entrypoints/http/schemas/event-body.ts';
import type { WebhookDelivery } from './webhooks.ts';

/** Creates the use cases, and adds to `disposers` what ends a test that waits for its receiver. */
export function createWebhookUseCases(options: {
  database: Database;
  /** The identity of the installation, of which event ids carry a part. */
  installationId: string;
  delivery: Pick<WebhookDelivery, 'send' | 'whyForbidden'>;
  disposers: (() => Promise<void>)[];
}): WebhookUseCases {
  const { database, installationId, delivery, disposers } = options;
  const { send, whyForbidden } = delivery;
  const store = postgresWebhookStore(database, installationId);
  const stopping = new AbortController();
  disposers.push(async () => stopping.abort());
  return {
    createWebhook: createWebhookWith({ store, whyForbidden, newId, newSecret: newWebhookSecret }),
    readWebhooks: readWebhooksWith(store),
    deleteWebhook: deleteWebhookWith({ store, clock: systemClock }),
    enableWebhook: enableWebhookWith(store),
    rotateWebhookSecret: rotateWebhookSecretWith({ store, newSecret: newWebhookSecret }),
    redeliverEvents: redeliverEventsWith({ store, installationId, clock: systemClock }),
    testWebhook: testWebhookWith({
      ...{ store, send, toBody: toEventBody, newId },
      // To the microsecond, as all other times.
      now: () => new Date().toISOString().replace('Z', '000Z'),
      stopping: stopping.signal,
    }),
  };
}
