// SPDX-License-Identifier: GPL-3.0-or-later
import type { EventType } from '../../../core/events/ports.ts';
import { uuidRule } from '../../../core/input-rules.ts';
import { eventIdOf } from '../../../core/webhooks/event-id.ts';
import type { DeliveryPosition, WebhookStore } from '../../../core/webhooks/ports.ts';
import type { Delivery, DeliveryState } from '../../../core/webhooks/webhook.ts';
import { toMicroseconds } from '../claim-rows.ts';
import type { Database } from '../database.ts';
import { throwAsReadError, throwAsWriteError } from '../errors/app-error.ts';
import { statement } from '../statements.ts';

const listWebhookDeliveries = statement('list-webhook-deliveries');
const deleteWebhookDeliveries = statement('delete-webhook-deliveries');
const redeliverEvent = statement('redeliver-event');
const redeliverEvents = statement('redeliver-events');

// Some tens of milliseconds of the database's time.
const sliceRows = 2_000;

const afterAll: DeliveryPosition = { microseconds: '9'.repeat(18), couponId: '0', seq: '0', n: 0 };

/** The states of deliveries by how they are stored. */
export const deliveryStates: Record<string, DeliveryState> = {
  P: 'pending',
  D: 'delivered',
  G: 'given_up',
};

type PlaceRow = { coupon_id: string; seq: string; n: number };

type DeliveryRow = PlaceRow & {
  at_microseconds: string;
  type: EventType;
  state: string;
  attempts: number;
  recorded_at: string;
  last_status: number | null;
  last_error: string | null;
  last_attempt_at: string | null;
  next_attempt_at: string | null;
};

/** A slice; of one without deliveries all but `found` is null. */
type SliceRow = { found: number } & ((PlaceRow & { recorded_at: string }) | { coupon_id: null });

const uuid = new RegExp(uuidRule.pattern);

/** Null for a text that is no UUID, and so the id of nothing. */
export function toUuid(text: string): string | null {
  return uuid.test(text) ? text : null;
}

/** Reads and changes the deliveries of webhooks in PostgreSQL, for operators. */
export function postgresWebhookDeliveries(
  database: Database,
  installationId: string,
): Pick<
  WebhookStore,
  'deleteDeliveries' | 'listDeliveries' | 'redeliverEvent' | 'redeliverEvents'
> {
  return {
    async deleteDeliveries(webhookId) {
      const [row] = await database
        .run<{ deleted: number }>(deleteWebhookDeliveries, [toUuid(webhookId), sliceRows])
        .catch(throwAsWriteError);
      return row?.deleted ?? 0;
    },

    async listDeliveries(webhookId, { before = afterAll, limit }) {
      const { microseconds, couponId, seq, n } = before;
      const values = [toUuid(webhookId), microseconds, couponId, seq, n, limit + 1];
      const rows = await database
        .run<DeliveryRow | { n: null }>(listWebhookDeliveries, values)
        .catch(throwAsReadError);
      if (rows.length === 0) return undefined;
      const found = rows.filter((row) => row.n !== null);
      const last = found.length > limit ? found[limit - 1] : undefined;
      return {
        deliveries: found.slice(0, limit).map((row) => toDelivery(installationId, row)),
        next: last && { ...placeOfRow(last), microseconds: last.at_microseconds },
      };
    },

    async redeliverEvent(webhookId, { couponId, seq, n }) {
      const rows = await database
        .run(redeliverEvent, [toUuid(webhookId), couponId, seq, n])
        .catch(throwAsWriteError);
      return rows.length > 0;
    },

    async redeliverEvents(webhookId, { after: { at, couponId, seq, n }, until }) {
      const values = [toUuid(webhookId), until, at, couponId, seq, n, sliceRows];
      const [row] = await database.run<SliceRow>(redeliverEvents, values).catch(throwAsWriteError);
      if (row === undefined || row.coupon_id === null) return undefined;
      return { count: row.found, last: { ...placeOfRow(row), at: row.recorded_at } };
    },
  };
}

const placeOfRow = ({ coupon_id: couponId, seq, n }: PlaceRow) => ({ couponId, seq, n });

function toDelivery(installationId: string, row: DeliveryRow): Delivery {
  const { type, attempts, last_status: lastStatus, last_error: lastError } = row;
  return {
    eventId: eventIdOf(installationId, placeOfRow(row)),
    ...{ type, at: toMicroseconds(row.recorded_at) },
    ...{ state: deliveryStates[row.state] as DeliveryState, attempts, lastStatus, lastError },
    lastAttemptAt: row.last_attempt_at && toMicroseconds(row.last_attempt_at),
    nextAttemptAt: row.next_attempt_at && toMicroseconds(row.next_attempt_at),
  };
}
