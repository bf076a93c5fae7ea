// SPDX-License-Identifier: GPL-3.0-or-later
/** The bodies of events, as webhooks get them. */
import { type Static, Type } from 'typebox';
import { couponStates } from '../../../core/coupons/coupon.ts';
import type { Event } from '../../../core/webhooks/webhook.ts';
import type { ClaimBody } from './responses.ts';
import { toClaimBody } from './views.ts';

/** What an event shows of a coupon. */
export const CouponEventData = Type.Object(
  {
    coupon_name: Type.String(),
    amount: Type.Integer(),
    remaining_amount: Type.Integer(),
    state: Type.Enum([...couponStates]),
  },
  { description: 'The coupon after this change.' },
);

type EventBody = {
  id: string;
  type: Event['type'];
  timestamp: string;
  data: Static<typeof ClaimBody> | Static<typeof CouponEventData>;
};

function toEventBody({ eventId, type, at, data }: Event): EventBody {
  return {
    ...{ id: eventId, type, timestamp: at },
    data:
      'claim' in data
        ? toClaimBody(data.claim)
        : {
            coupon_name: data.couponName,
            amount: data.amount,
            remaining_amount: data.remainingAmount,
            state: data.state,
          },
  };
}

/** The body of an event as it is signed and sent. */
export function eventText(event: Event): string {
  return JSON.stringify(toEventBody(event));
}
