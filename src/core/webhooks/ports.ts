// SPDX-License-Identifier: GPL-3.0-or-later
import type { EventType } from '../events/ports.ts';
import type { ActedBy } from '../operator-log/operator-log.ts';
import type { Secret } from '../secret.ts';
import type { Delivery, DeliveryState, Event, EventPlace, Webhook } from './webhook.ts';

/** What a delivery of one webhook needs, and the right to store results: a later process has a higher epoch. */
export type DeliverySession = {
  webhookId: string;
  epoch: string;
  url: string;
  /** The newest first. Each signs every delivery. */
  secrets: readonly string[];
  /** Deliveries that have failed, one after the other, with none that succeeded in between. */
  failuresInARow: number;
};

/** A delivery that is due. */
export type DueDelivery = {
  event: Event;
  attempts: number;
  recordedAt: string;
  /** Since when something was due and pending as this one was found. */
  firstDueAt: string;
};

/** What became of one attempt. */
export type DeliveryResult = EventPlace & {
  state: DeliveryState;
  /** In how many milliseconds it is sent again; 0 once it is not pending. */
  dueInMs: number;
  status: number | null;
  error: string | null;
};

/** What the delivery reports of its work, for an operator. */
export type DeliveryMetrics = {
  /** An attempt has ended: the event is delivered, is sent again, or is given up. */
  eventSent(result: 'delivered' | 'failed' | 'given_up'): void;
};

/** What became of the receiver after some attempts. */
export type ReceiverState = {
  failuresInARow: number;
  /** For how long nothing is sent to it; 0: it goes on. */
  waitsMs: number;
  /** Why it is disabled now; undefined: it is not. */
  disabledReason: string | undefined;
};

/** Where deliveries are stored. */
export type DeliveryStore = {
  /** The webhooks that have something due now. */
  findDueWebhooks(): Promise<string[]>;
  /** Begins to deliver to a webhook, and ends the right of any earlier process. Undefined: it is gone, disabled, or waits. */
  begin(webhookId: string): Promise<DeliverySession | undefined>;
  /**
   * The next due deliveries in order of their becoming due, at most `limit`, none twice, and none whose claim has an earlier
   * event that is pending. Those are put off to when the earlier one is due. Leaves out `underWay`, the page that was found
   * last: it counts as pending, and nothing is read that was due before it could be found.
   */
  findDue(
    session: DeliverySession,
    limit: number,
    underWay: readonly DueDelivery[],
  ): Promise<DueDelivery[]>;
  /** Stores the results of attempts. False: another process delivers to the webhook now, and nothing was stored. */
  record(
    session: DeliverySession,
    results: readonly DeliveryResult[],
    receiver: ReceiverState,
  ): Promise<boolean>;
};

/** What a receiver answered. */
export type SendAnswer =
  | { kind: 'answered'; status: number; retryAfterSeconds: number | undefined }
  /** Nothing arrived: why, in words for an operator. `isForbidden`: its address may not be called. */
  | { kind: 'failed'; error: string; isForbidden: boolean };

/** Sends one event to a receiver: signed, within its limits of time and size. Never rejects. */
export type SendEvent = (
  receiver: { url: string; secrets: readonly string[] },
  event: {
    eventId: string;
    body: string;
    /** The trace context, as W3C Trace Context writes it; undefined: the attempt is not traced. */
    traceparent?: string;
  },
  signal: AbortSignal,
) => Promise<SendAnswer>;

/** Distributes work among all processes on a database. */
export type DeliveryJobs = {
  /** Makes sure that some process delivers to these webhooks. A webhook that is being delivered to is left alone. */
  ensure(webhookIds: readonly string[]): Promise<void>;
};

/** A webhook to store. */
export type NewWebhook = {
  webhookId: string;
  url: string;
  events: readonly EventType[];
  couponName: string | null;
  secret: Secret;
  idempotencyKey: string | undefined;
  webhooksMax: number;
};

/** The position of a delivery in a list: the time of its event in microseconds since 1970, and its place. */
export type DeliveryPosition = EventPlace & { microseconds: string };

/** Which deliveries a page has. `before`: undefined for the first page. */
export type DeliveryQuery = { before: DeliveryPosition | undefined; limit: number };

/** A page of deliveries. `next` is where the next page begins; undefined after the last one. */
export type DeliveryPage = { deliveries: Delivery[]; next: DeliveryPosition | undefined };

/** Where a slice of deliveries ends: after the event at this place, which happened at this time, RFC 3339. */
export type DeliveryMark = EventPlace & { at: string };

/**
 * Where webhooks are stored. A write but those of deliveries also writes the operator log, in one transaction. An id may be
 * any text; one that is no webhook is not found. Rejects with an `AppError` that states its effect.
 */
export type WebhookStore = {
  create(
    webhook: NewWebhook,
    by: ActedBy,
  ): Promise<
    | { webhook: Webhook; replayed: boolean }
    | 'coupon_not_found'
    | 'idempotency_key_reused'
    | 'too_many'
  >;
  /** All, in order of their creation. */
  list(): Promise<Webhook[]>;
  /** With its secrets, the newest first. Undefined: there is none. */
  read(webhookId: string): Promise<{ webhook: Webhook; secrets: Secret[] } | undefined>;
  /** Its deliveries stay. False: there is none. */
  delete(webhookId: string, by: ActedBy): Promise<boolean>;
  /** One that is active stays as it is, and is not logged. Undefined: there is none. */
  enable(webhookId: string, by: ActedBy): Promise<Webhook | undefined>;
  /** Deletes a slice of the deliveries of a deleted webhook, and says how many. */
  deleteDeliveries(webhookId: string): Promise<number>;
  /** The one before goes on signing, an older one does not. Undefined: there is no such webhook. */
  rotateSecret(webhookId: string, secret: Secret, by: ActedBy): Promise<Webhook | undefined>;
  /** The newest event first. Undefined: there is no such webhook. */
  listDeliveries(webhookId: string, query: DeliveryQuery): Promise<DeliveryPage | undefined>;
  /** Makes a delivery due now. False: an active webhook with such a delivery does not exist. */
  redeliverEvent(webhookId: string, place: EventPlace): Promise<boolean>;
  /**
   * Makes the next deliveries due now: of events after a place and before a time. Undefined: there are none, or there is no
   * such active webhook.
   */
  redeliverEvents(
    webhookId: string,
    events: { after: DeliveryMark; until: string },
  ): Promise<{ count: number; last: DeliveryMark } | undefined>;
};
