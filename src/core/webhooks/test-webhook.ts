// SPDX-License-Identifier: GPL-3.0-or-later
import type { SendEvent, WebhookStore } from './ports.ts';
import { sampleEvent } from './sample-event.ts';
import { type Event, webhookNotFound } from './webhook.ts';

/** What became of a sample. `status` is null where no response arrived; `error` says why it is not delivered. */
export type TestResult = { eventId: string; status: number | null; error: string | null };

/**
 * Sends one sample of an event to a webhook now, once, also to a disabled one, and returns what its receiver answered.
 * Nothing is stored. Faults: `webhook_not_found`, `unavailable`.
 */
export type TestWebhook = (webhookId: string) => Promise<TestResult>;

/** Tests webhooks of a store. */
export function testWebhookWith(parts: {
  store: Pick<WebhookStore, 'read'>;
  send: SendEvent;
  /** The body of an event as the API describes it. */
  toBody(event: Event): string;
  newId(): string;
  /** The time of day, as RFC 3339 to the microsecond. */
  now(): string;
  /** Aborts the request at a stop. */
  stopping: AbortSignal;
}): TestWebhook {
  const { store, send, toBody, newId, now, stopping } = parts;
  return async (webhookId) => {
    const found = await store.read(webhookId);
    if (found === undefined) throw webhookNotFound();
    const { webhook, secrets } = found;
    const [type = 'coupon.opened'] = webhook.events;
    const event = sampleEvent(type, { id: newId(), at: now(), couponName: webhook.couponName });
    const { eventId } = event;
    const receiver = { url: webhook.url, secrets: secrets.map((secret) => secret.reveal()) };
    const answer = await send(receiver, { eventId, body: toBody(event) }, stopping);
    if (answer.kind === 'failed') return { eventId, status: null, error: answer.error };
    const { status } = answer;
    const isDelivered = status >= 200 && status < 300;
    return { eventId, status, error: isDelivered ? null : `the receiver answered ${status}` };
  };
}
