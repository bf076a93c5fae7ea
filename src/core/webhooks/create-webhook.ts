// SPDX-License-Identifier: GPL-3.0-or-later
import { couponNotFound } from '../coupons/coupon.ts';
import { invalidField } from '../coupons/invalid-field.ts';
import { AppError } from '../errors.ts';
import { type EventType, eventTypes } from '../events/ports.ts';
import type { ActedBy } from '../operator-log/operator-log.ts';
import type { Secret } from '../secret.ts';
import type { WebhookStore } from './ports.ts';
import { type Webhook, webhooksMax } from './webhook.ts';

/** A webhook to create. */
export type WebhookRequest = {
  url: string;
  /** In any order. */
  events: readonly EventType[];
  /** Null: events of all coupons. */
  couponName: string | null;
  idempotencyKey: string | undefined;
};

/**
 * Creates a webhook, which gets what happens from then on. Under an idempotency key it is created once, as long as it
 * exists; a repeat has no secret, and the same key with another request is `idempotency_key_reused`. Other faults:
 * `coupon_not_found`, `invalid_request`, `unavailable`, `outcome_unknown`.
 */
export type CreateWebhook = (
  request: WebhookRequest,
  by: ActedBy,
) => Promise<{ webhook: Webhook; secret: Secret } | { webhook: Webhook; secret: undefined }>;

/** Creates webhooks in a store. `whyForbidden` says why events may not be sent to a URL. */
export function createWebhookWith(parts: {
  store: Pick<WebhookStore, 'create'>;
  whyForbidden(url: string): Promise<string | undefined>;
  newId(): string;
  newSecret(): Secret;
}): CreateWebhook {
  return async ({ events, ...request }, by) => {
    const message = await parts.whyForbidden(request.url);
    if (message !== undefined) throw invalidField({ field: 'url', message });
    const secret = parts.newSecret();
    const created = await parts.store.create(
      {
        ...request,
        // One order, so that a repeat with another order is the same request.
        events: eventTypes.filter((type) => events.includes(type)),
        ...{ webhookId: parts.newId(), secret, webhooksMax },
      },
      by,
    );
    if (created === 'coupon_not_found') throw couponNotFound();
    if (created === 'too_many') {
      const limit = `must not add a webhook to the ${webhooksMax} that exist; delete one first`;
      throw invalidField({ field: 'body', message: limit });
    }
    if (created === 'idempotency_key_reused') {
      throw new AppError(created, {
        detail: 'this key has created another webhook before; use a new key to create one more',
      });
    }
    const { webhook, replayed } = created;
    return replayed ? { webhook, secret: undefined } : { webhook, secret };
  };
}
