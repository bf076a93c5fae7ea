// SPDX-License-Identifier: GPL-3.0-or-later
/** A sale as the API reports it, for what shows one. */
import type { Overview } from '../../src/client.ts';

/** An overview of an open sale, with other members of its coupon and of itself where they are given. */
export function overviewOf({
  coupon = {},
  ...more
}: { coupon?: Partial<Overview['coupon']> } & Partial<Omit<Overview, 'coupon'>> = {}): Overview {
  const name = coupon.name ?? 'LAUNCH';
  return {
    coupon: {
      ...{ name, amount: 10_000, remaining_amount: 1_234, state: 'open', saga: null },
      ...{ opens_at: null, closes_at: null, paused: false, archived: false, hold_seconds: null },
      ...{ claims_per_user_max: 1, stock_low_at: null, title: null, description: null },
      ...{ pause_reason: null, claims_url: '/api/coupons/LAUNCH/claims', ...coupon },
    },
    ...{ claimed: 8_766, at: '2030-01-31T18:00:09.600Z', waiting_claims: 120 },
    claims: {
      ...{ reserved: 500, confirmed: 8_000, redeemed: 266, released: 12 },
      at: '2030-01-31T18:00:09.000Z',
    },
    ...{ p50_ms: 6.7, p99_ms: 22.6, answers_until: '2030-01-31T18:00:08.000Z' },
    ...{ server_time: '2030-01-31T18:00:10.000Z', ...more },
  };
}
