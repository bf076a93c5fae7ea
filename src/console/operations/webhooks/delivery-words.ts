// SPDX-License-Identifier: GPL-3.0-or-later
/** What became of the deliveries of a webhook, in words. */
import type { Delivery, EventType } from '../../../client.ts';

/** `retrying`: at least one attempt has failed, and another one follows. */
export type DeliveryState = Delivery['state'] | 'retrying';

/** How far a delivery has come. */
export function stateOf({ state, attempts }: Delivery): DeliveryState {
  return state === 'pending' && attempts > 0 ? 'retrying' : state;
}

/** Whether the last attempt has failed. */
export function isFailed(delivery: Delivery): boolean {
  const state = stateOf(delivery);
  return state === 'retrying' || state === 'given_up';
}

// In a rush events follow many seconds after their claims.
const waitingMsMin = 60_000;

/** Whether an event waits for longer than usual: while a receiver fails, later events are not even tried. */
function isWaiting(delivery: Delivery, nowMs: number | undefined): boolean {
  const { state, next_attempt_at: dueAt } = delivery;
  if (state !== 'pending' || dueAt === null || nowMs === undefined) return false;
  return Date.parse(dueAt) < nowMs - waitingMsMin;
}

/** How the newest deliveries went. `nowMs` is the time of the service. */
export function summaryOf(
  deliveries: readonly Delivery[],
  nowMs: number | undefined,
): {
  state: 'delivered' | 'retrying' | 'waiting' | 'given_up' | undefined;
  text: string;
} {
  if (deliveries.length === 0) return { state: undefined, text: 'no event yet' };
  const count = (wanted: DeliveryState) =>
    deliveries.filter((one) => stateOf(one) === wanted).length;
  const [retrying, givenUp] = [count('retrying'), count('given_up')];
  const waiting = deliveries.filter((one) => isWaiting(one, nowMs)).length;
  const of = `of the newest ${deliveries.length}`;
  if (retrying > 0) return { state: 'retrying', text: `${retrying + givenUp} ${of} failed` };
  if (waiting > 0) return { state: 'waiting', text: `${waiting} ${of}: the receiver fails` };
  if (givenUp > 0) return { state: 'given_up', text: `${givenUp} ${of} failed` };
  if (count('pending') > 0) return { state: undefined, text: `${count('pending')} ${of} pending` };
  return { state: 'delivered', text: `all ${of}` };
}

/** Each type of event, and when it is sent. */
export const eventMeanings: Record<EventType, string> = {
  'claim.reserved': 'a hold begins',
  'claim.confirmed': 'a claim is final',
  'claim.released': 'a unit comes back',
  'claim.redeemed': 'a claim is used',
  'coupon.sold_out': 'the last unit is claimed',
  'coupon.stock_low': 'few units are left',
  'coupon.back_in_stock': 'there are units again',
  'coupon.opened': 'the sale opens',
  'coupon.closed': 'the sale closes',
};

/** Every type of event. */
export const eventTypes = Object.keys(eventMeanings) as EventType[];
