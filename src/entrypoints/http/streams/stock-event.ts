// SPDX-License-Identifier: GPL-3.0-or-later
import { claimCount } from '../../../core/stock/assumptions.ts';
import type { StockView } from '../../../core/stock/stock-view.ts';

/** The media type of an event stream. */
export const eventStreamType = 'text/event-stream';

/** A comment, which clients ignore. It keeps proxies from closing a stream without events. */
export const heartbeat = Buffer.from(':\n\n');

/** The event with the stock of a view, as it is written to every stream of the coupon. */
export function stockEvent({ coupon, atMs }: StockView): Buffer {
  const data = {
    remaining_amount: coupon.remainingAmount,
    claimed: claimCount(coupon),
    state: coupon.state,
    at: new Date(atMs).toISOString(),
  };
  return Buffer.from(`id: ${eventIdOf(atMs)}\nevent: stock\ndata: ${JSON.stringify(data)}\n\n`);
}

/** Whether two views of a coupon lead to events that differ in nothing but their time. */
export function showSameStock(one: StockView, other: StockView): boolean {
  return (
    one.coupon.remainingAmount === other.coupon.remainingAmount &&
    one.coupon.amount === other.coupon.amount &&
    one.coupon.state === other.coupon.state
  );
}

/** How long a client waits before it connects again, as a field that any event may follow. */
export function retryHint(ms: number): string {
  return `retry: ${Math.round(ms)}\n`;
}

/** The time of a view as the id of its event: microseconds since 1970, so that views of one millisecond differ. */
function eventIdOf(atMs: number): string {
  return Math.floor(atMs * 1000).toString();
}

/** The time of the view whose event has this id, in milliseconds; undefined for what is no id of an event. */
export function atMsOfEventId(id: string | undefined): number | undefined {
  return id !== undefined && /^\d{1,16}$/.test(id) ? Number(id) / 1000 : undefined;
}
