// SPDX-License-Identifier: GPL-3.0-or-later
import { AppError, type FieldError } from '../errors.ts';
import { amountMax, type CouponWithHolders, couponNotFound } from './coupon.ts';
import type { CouponChange, CouponStore, NewCoupon } from './ports.ts';

/** What an operator does with coupons. Faults: `invalid_request`, `coupon_exists`, `coupon_not_found`. */
export type ManageCoupon = {
  create(coupon: NewCoupon): Promise<CouponWithHolders>;
  change(name: string, change: CouponChange): Promise<CouponWithHolders>;
  /** Under an idempotency key the units are added once, however often this is asked. */
  addStock(addition: {
    name: string;
    units: number;
    idempotencyKey: string | undefined;
  }): Promise<{ coupon: CouponWithHolders; replayed: boolean }>;
};

/** The use cases over a store. `batchIdFor` gives the same id for the same text, and never one that `newBatchId` gives. */
export function manageCouponWith(parts: {
  store: CouponStore;
  newBatchId(): string;
  batchIdFor(text: string): string;
}): ManageCoupon {
  const { store, newBatchId, batchIdFor } = parts;
  return {
    async create(coupon) {
      const created = await store.createCoupon({ ...coupon, batchId: newBatchId() });
      if (created === 'coupon_exists') {
        throw new AppError('coupon_exists', { detail: 'a coupon of this name exists already' });
      }
      return created;
    },

    async change(name, change) {
      const changed = await store.changeCoupon(name, change);
      if (changed === 'coupon_not_found') throw couponNotFound();
      if (changed === 'window_ends_before_it_begins') {
        throw invalid({ field: 'closes_at', message: 'must be later than opens_at' });
      }
      return changed;
    },

    async addStock({ name, units, idempotencyKey }) {
      const batchId =
        idempotencyKey === undefined
          ? newBatchId()
          : batchIdFor(JSON.stringify(['add_stock', name, idempotencyKey]));
      const added = await store.addStock({ name, units, batchId });
      if (added === 'coupon_not_found') throw couponNotFound();
      if (added === 'too_much') {
        throw invalid({ field: 'add', message: `must not bring amount above ${amountMax}` });
      }
      return added;
    },
  };
}

function invalid(field: FieldError): AppError {
  return new AppError('invalid_request', {
    detail: `${field.field} ${field.message}`,
    fields: [field],
  });
}
