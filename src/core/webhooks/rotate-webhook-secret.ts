// SPDX-License-Identifier: GPL-3.0-or-later
import type { ActedBy } from '../operator-log/operator-log.ts';
import type { Secret } from '../secret.ts';
import type { WebhookStore } from './ports.ts';
import { type Webhook, webhookNotFound } from './webhook.ts';

/**
 * Gives a webhook a new secret. The one before goes on signing beside it until the next rotation. Faults:
 * `webhook_not_found`, `unavailable`, `outcome_unknown`.
 */
export type RotateWebhookSecret = (
  webhookId: string,
  by: ActedBy,
) => Promise<{ webhook: Webhook; secret: Secret }>;

/** Rotates secrets in a store. */
export function rotateWebhookSecretWith(parts: {
  store: Pick<WebhookStore, 'rotateSecret'>;
  newSecret(): Secret;
}): RotateWebhookSecret {
  return async (webhookId, by) => {
    const secret = parts.newSecret();
    const webhook = await parts.store.rotateSecret(webhookId, secret, by);
    if (webhook === undefined) throw webhookNotFound();
    return { webhook, secret };
  };
}
