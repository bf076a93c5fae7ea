// SPDX-License-Identifier: GPL-3.0-or-later
import type { DeliveryState, Event, EventPlace, Webhook } from './webhook.ts';

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
export type DueDelivery = { event: Event; attempts: number; recordedAt: string };

/** What became of one attempt. */
export type DeliveryResult = EventPlace & {
  state: DeliveryState;
  /** In how many milliseconds it is sent again; 0 once it is not pending. */
  dueInMs: number;
  status: number | null;
  error: string | null;
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
   * event that is pending. Those are put off to when the earlier one is due. Leaves out `underWay`, which counts as pending.
   */
  findDue(
    session: DeliverySession,
    limit: number,
    underWay: readonly EventPlace[],
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
  event: { eventId: string; body: string },
  signal: AbortSignal,
) => Promise<SendAnswer>;

/** Distributes work among all processes on a database. */
export type DeliveryJobs = {
  /** Makes sure that some process delivers to these webhooks. A webhook that is being delivered to is left alone. */
  ensure(webhookIds: readonly string[]): Promise<void>;
};

/** Where webhooks are stored. Rejects with an `AppError` as the other stores do. */
export type WebhookStore = {
  list(): Promise<Webhook[]>;
};
