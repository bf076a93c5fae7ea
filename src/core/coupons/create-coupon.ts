// SPDX-License-Identifier: GPL-3.0-or-later
import { AppError } from '../errors.ts';
import { notFinished } from '../not-finished.ts';
import type { ActedBy } from '../operator-log/operator-log.ts';
import type { CouponWithHolders } from './coupon.ts';
import { invalidField } from './invalid-field.ts';
import type { CouponStore, NewCoupon } from './ports.ts';

/**
 * Creates a coupon. Faults: `coupon_exists`, `invalid_request`, also for a saga that the service does not have, and
 * `unavailable`, also for a coupon with holds before the upgrade of the database is finished.
 */
export type CreateCoupon = (coupon: NewCoupon, by: ActedBy) => Promise<CouponWithHolders>;

/** Creates coupons in a store, each under a batch id of its own. */
export function createCouponWith(parts: {
  store: Pick<CouponStore, 'createCoupon'>;
  newBatchId(): string;
  /** The sagas that a coupon can name. */
  sagaNames: ReadonlySet<string>;
}): CreateCoupon {
  return async (coupon, by) => {
    assertSaga(coupon, parts.sagaNames);
    const batchId = parts.newBatchId();
    const created = await parts.store.createCoupon({ ...coupon, batchId }, by);
    if (created === 'coupon_exists') {
      throw new AppError('coupon_exists', { detail: 'a coupon of this name exists already' });
    }
    if (created === 'not_finished') throw notFinished();
    return created;
  };
}

function assertSaga({ saga, holdSeconds }: NewCoupon, sagaNames: ReadonlySet<string>): void {
  if (saga === undefined || saga === null) return;
  if (!sagaNames.has(saga)) {
    const message =
      sagaNames.size === 0
        ? 'must be a saga of SAGAS_FILE, and there is none'
        : `must be a saga of SAGAS_FILE: ${[...sagaNames].join(', ')}`;
    throw invalidField({ field: 'saga', message });
  }
  if (holdSeconds === undefined || holdSeconds === null) {
    throw invalidField({ field: 'saga', message: 'must come with hold_seconds' });
  }
}
