// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../clock.ts';
import { invalidField } from '../coupons/invalid-field.ts';
import { placeOf } from './event-id.ts';
import { inSlices } from './in-slices.ts';
import type { DeliveryMark, WebhookStore } from './ports.ts';
import { webhookNotFound } from './webhook.ts';

/** Which events to send again: one, or those from `since` on and before `until`, both RFC 3339. */
export type EventsToRedeliver = { eventId: string } | { since: string; until: string };

/**
 * Makes deliveries of a webhook due now, whatever became of them, and returns their number. Each is tried for 24 hours
 * again. Faults: `webhook_not_found`, `invalid_request`, `unavailable`, `outcome_unknown`. A repeat does no harm: events
 * are delivered at least once.
 */
export type RedeliverEvents = (webhookId: string, events: EventsToRedeliver) => Promise<number>;

/** Redelivers from a store, a period in slices: it may have millions of events. */
export function redeliverEventsWith(parts: {
  store: Pick<WebhookStore, 'read' | 'redeliverEvent' | 'redeliverEvents'>;
  installationId: string;
  clock: Pick<Clock, 'nowMs' | 'sleep'>;
}): RedeliverEvents {
  const { store, installationId, clock } = parts;
  return async (webhookId, events) => {
    const found = await store.read(webhookId);
    if (found === undefined) throw webhookNotFound();
    if (found.webhook.disabledAt !== null) throw isDisabled(found.webhook.disabledReason);
    if ('eventId' in events) {
      const place = placeOf(installationId, events.eventId);
      if (place === undefined || !(await store.redeliverEvent(webhookId, place))) {
        const message = 'must be the id of an event that this webhook was to get';
        throw invalidField({ field: 'event_id', message });
      }
      return 1;
    }
    let count = 0;
    let after: DeliveryMark = { at: events.since, couponId: '0', seq: '0', n: 0 };
    await inSlices(clock, async () => {
      const slice = await store.redeliverEvents(webhookId, { after, until: events.until });
      if (slice === undefined) return 'end';
      count += slice.count;
      after = slice.last;
      return 'more';
    });
    return count;
  };
}

function isDisabled(reason: string | null) {
  const message = `is disabled, because ${reason}; enable it first`;
  return invalidField({ field: 'id', message });
}
