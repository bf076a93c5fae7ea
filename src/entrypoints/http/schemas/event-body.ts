// SPDX-License-Identifier: GPL-3.0-or-later
import { Type } from 'typebox';
import type { Event } from '../../../core/webhooks/webhook.ts';
import { CouponState } from './enums.ts';
import { ref } from './ref.ts';
import { toClaimBody } from './views.ts';

/** What an event shows of a coupon. */
export const CouponEventData = Type.Object(
  {
    coupon_name: Type.String(),
    amount: Type.Integer(),
    remaining_amount: Type.Integer(),
    state: ref(CouponState),
  },
  { $id: 'CouponEventData', description: 'The coupon after this change.' },
);

/** The body of an event as a receiver gets it. */
export function toEventBody({ eventId, type, at, data }: Event): string {
  return JSON.stringify({
    id: eventId,
    type,
    timestamp: at,
    data:
      'claim' in data
        ? toClaimBody(data.claim)
        : {
            coupon_name: data.couponName,
            amount: data.amount,
            remaining_amount: data.remainingAmount,
            state: data.state,
          },
  });
}
