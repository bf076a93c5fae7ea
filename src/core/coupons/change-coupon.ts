// SPDX-License-Identifier: GPL-3.0-or-later
import type { ActedBy } from '../operator-log/operator-log.ts';
import { type CouponWithHolders, couponNotFound } from './coupon.ts';
import { invalidField } from './invalid-field.ts';
import type { CouponChange, CouponStore } from './ports.ts';

/**
 * Changes the sale window, the pause or the texts, archives a coupon or takes it back. Faults: `coupon_not_found`,
 * `invalid_request`, `unavailable`.
 */
export type ChangeCoupon = (
  name: string,
  change: CouponChange,
  by: ActedBy,
) => Promise<CouponWithHolders>;

/** Changes coupons in a store. */
export function changeCouponWith(store: Pick<CouponStore, 'changeCoupon'>): ChangeCoupon {
  return async (name, change, by) => {
    const changed = await store.changeCoupon(name, change, by);
    if (changed === 'coupon_not_found') throw couponNotFound();
    if (changed === 'window_ends_before_it_begins') {
      throw invalidField({ field: 'closes_at', message: 'must be later than opens_at' });
    }
    return changed;
  };
}
