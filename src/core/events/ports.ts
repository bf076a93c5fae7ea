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
  /** Of the next coupons after an id. `next` is the id of the last one read; undefined at the end. */
  findUnread(afterId: string): Promise<{ found: UnreadLedger[]; next: string | undefined }>;
  /** Records in the ledger that a sale has opened or closed. `lease_lost`: nothing was written. */
  recordSaleState(lease: Lease, couponId: string): Promise<'done' | 'lease_lost'>;
  /** Turns the next rows of these ledgers into events. Returns the coupons that have more. `lease_lost`: nothing was written. */
  relay(lease: Lease, couponIds: readonly string[]): Promise<string[] | 'lease_lost'>;
};
