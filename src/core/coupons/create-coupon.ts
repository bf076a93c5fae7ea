// SPDX-License-Identifier: GPL-3.0-or-later
import { AppError } from '../errors.ts';
import { notFinished } from '../not-finished.ts';
import type { ActedBy } from '../operator-log/operator-log.ts';
import type { CouponWithHolders } from './coupon.ts';
import type { CouponStore, NewCoupon } from './ports.ts';

/**
 * Creates a coupon. Faults: `coupon_exists`, `invalid_request`, `unavailable`, the last one also for a coupon with holds
 * before the upgrade of the database is finished.
 */
export type CreateCoupon = (coupon: NewCoupon, by: ActedBy) => Promise<CouponWithHolders>;

/** Creates coupons in a store, each under a batch id of its own. */
export function createCouponWith(parts: {
  store: Pick<CouponStore, 'createCoupon'>;
  newBatchId(): string;
}): CreateCoupon {
  return async (coupon, by) => {
    const batchId = parts.newBatchId();
    const created = await parts.store.createCoupon({ ...coupon, batchId }, by);
    if (created === 'coupon_exists') {
      throw new AppError('coupon_exists', { detail: 'a coupon of this name exists already' });
    }
    if (created === 'not_finished') throw notFinished();
    return created;
  };
}
