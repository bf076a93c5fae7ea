// SPDX-License-Identifier: GPL-3.0-or-later
import type { Claim } from '../claims/claim.ts';
import type { CouponState } from '../coupons/coupon.ts';
import { AppError } from '../errors.ts';
import type { EventType } from '../events/ports.ts';

/** A receiver of events. */
export type Webhook = {
  webhookId: string;
  url: string;
  events: readonly EventType[];
  /** Null: events of all coupons. */
  couponName: string | null;
  createdAt: string;
  /** Since when nothing is sent any more, and why; null while it is active. */
  disabledAt: string | null;
  disabledReason: string | null;
};

/** Where an event stands in the ledger of its coupon. Its id follows from it. */
export type EventPlace = {
  couponId: string;
  /** The ledger row. */
  seq: string;
  /** Which event of that row, from 1. */
  n: number;
};

/** Something that happened, as a webhook gets it. */
export type Event = EventPlace & {
  eventId: string;
  type: EventType;
  /** When the change was decided. */
  at: string;
  data:
    | { claim: Claim }
    | { couponName: string; amount: number; remainingAmount: number; state: CouponState };
};

/** `pending`: it is sent, or sent again. `given_up`: 24 hours of attempts have failed, or the webhook was disabled. */
export type DeliveryState = 'pending' | 'delivered' | 'given_up';

/** An event that one webhook gets, and what became of it. */
export type Delivery = {
  eventId: string;
  type: EventType;
  /** When the change was decided. */
  at: string;
  state: DeliveryState;
  /** Since it was last asked for. */
  attempts: number;
  /** The HTTP status of the last attempt; null where no response arrived, or before the first. */
  lastStatus: number | null;
  /** Why the last attempt has failed, without anything of the response; null otherwise. */
  lastError: string | null;
  lastAttemptAt: string | null;
  /** When it is sent next; null once it is not pending. */
  nextAttemptAt: string | null;
};

/** How many webhooks can exist. Each one adds to the work of the relay. */
export const webhooksMax = 100;

/** The fault for an id that is no webhook. */
export function webhookNotFound(): AppError {
  return new AppError('webhook_not_found', { detail: 'there is no webhook with this id' });
}
