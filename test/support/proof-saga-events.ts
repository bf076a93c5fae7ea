// SPDX-License-Identifier: GPL-3.0-or-later
/** The events that a subscriber gets of a sale. */
import type { ReceivedRecord } from '../../src/proof/history.ts';
import type { EndingCoupon } from './proof-ending-sale.ts';
import { timeAt } from './sale-dump.ts';

/** Every type of event. */
export const eventTypes = [
  ...['claim.reserved', 'claim.confirmed', 'claim.released', 'claim.redeemed'],
  ...['coupon.opened', 'coupon.closed', 'coupon.sold_out', 'coupon.back_in_stock'],
];

const changed = { C: 'confirmed', U: 'redeemed', R: 'released', E: 'released' } as const;

type Named = { id: string; name: string; coupon: EndingCoupon };

/** The events of a row of the ledger, which is named by its index. */
export function eventsOfRow({ id, name, coupon }: Named, index: number): ReceivedRecord[] {
  const row = coupon.ledger[index];
  if (row === undefined) return [];
  const events: ReceivedRecord[] = [];
  const add = (event: string, members: Partial<ReceivedRecord> = {}, n = events.length + 1) => {
    events.push({
      ...{ type: 'received', id: `evt_0123abcd_${id}_${index + 1}_${n}`, event },
      ...{ at: timeAt(row.recordedMs), coupon: name, signed: true, ...members },
    });
  };
  const addClaim = (position: number, state: ReceivedRecord['state']) => {
    const claim = coupon.all[position - 1];
    if (claim === undefined || state === undefined) return;
    add(`claim.${state}`, { user: claim.userId, claim_id: claim.claimId, position, state });
  };
  const first = coupon.holdSeconds === undefined ? 'confirmed' : 'reserved';
  for (let made = 0; made < row.units && row.firstPosition !== undefined; made += 1) {
    addClaim(row.firstPosition + made, first);
  }
  for (const [position, change] of row.changes) addClaim(position, changed[change as 'C']);
  const before = coupon.ledger[index - 1]?.remaining;
  const place = events.length + 3;
  if (before !== undefined && before > 0 && row.remaining === 0) add('coupon.sold_out', {}, place);
  if (before === 0 && row.remaining > 0) add('coupon.back_in_stock', {}, place);
  return events;
}
