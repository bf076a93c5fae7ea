// SPDX-License-Identifier: GPL-3.0-or-later
import type { Event } from '../../../core/webhooks/webhook.ts';
import { toClaimBody } from './views.ts';

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
