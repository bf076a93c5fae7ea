// SPDX-License-Identifier: GPL-3.0-or-later
import type { Lease } from '../duties/ports.ts';

/** What can happen, by the names of the API. */
export const eventTypes = [
  'claim.reserved',
  'claim.confirmed',
  'claim.released',
  'claim.redeemed',
  'coupon.sold_out',
  'coupon.stock_low',
  'coupon.back_in_stock',
  'coupon.opened',
  'coupon.closed',
] as const;

/** One of `eventTypes`. */
export type EventType = (typeof eventTypes)[number];

/** A coupon with something that is no event yet. */
export type UnreadLedger = {
  couponId: string;
  /** Its ledger has rows that the relay has not read. */
  hasRows: boolean;
  /** Its sale has opened or closed, and the ledger does not say so yet. */
  hasChanged: boolean;
};

/** Turns the ledger into events, each call in one bounded transaction. Rejects as `DutyLeases` does. */
export type EventRelayStore = {
  /**
   * Of the next coupons after an id. `next` is the id of the last one read; undefined at the end. `hasBegun` false: nothing
   * needs events, and none is made.
   */
  findUnread(
    afterId: string,
  ): Promise<{ hasBegun: boolean; found: UnreadLedger[]; next: string | undefined }>;
  /** Records in the ledger that a sale has opened or closed. `lease_lost`: nothing was written. */
  recordSaleState(lease: Lease, couponId: string): Promise<'done' | 'lease_lost'>;
  /** Turns the next rows of these ledgers into events. Returns the coupons that have more. `lease_lost`: nothing was written. */
  relay(lease: Lease, couponIds: readonly string[]): Promise<string[] | 'lease_lost'>;
  /**
   * Gives up old deliveries to receivers that rest now, and deletes deliveries after 30 days: a slice of them. Says whether
   * there may be more. `lease_lost`: nothing was written.
   */
  endOldDeliveries(lease: Lease): Promise<'more' | 'done' | 'lease_lost'>;
};

/** What is left to do for webhooks and sagas, as of now. */
export type Backlog = {
  webhooks: { active: number; disabled: number };
  /** Deliveries that are pending; counted up to a limit. */
  pendingDeliveries: number;
  /** Age of the oldest event that an active webhook has not got; 0 if there is none. */
  undeliveredSeconds: number;
  /** Sagas that have not ended, by state; counted up to a limit. */
  sagas: { running: number; compensating: number; needsAttention: number };
  /** Age of the oldest saga that runs or compensates; 0 if there is none. */
  sagaSeconds: number;
  /** How long ago the deadline of such a saga was, at most; 0 if none is past it. */
  sagaOverdueSeconds: number;
};

/** Measures the backlog. Undefined: there is none, since the relay has not begun. */
export type MeasureBacklog = () => Promise<Backlog | undefined>;
