// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../clock.ts';
import { AppError, type FieldError } from '../errors.ts';
import { announcementWaitMs } from '../stock/snapshot-ttl.ts';
import { amountMax, type CouponWithHolders, couponNotFound } from './coupon.ts';
import type { CouponChange, CouponStore, NewCoupon } from './ports.ts';

/** What an operator does with coupons. Faults: `invalid_request`, `coupon_exists`, `coupon_not_found`, `unavailable`. */
export type ManageCoupon = {
  create(coupon: NewCoupon): Promise<CouponWithHolders>;
  change(name: string, change: CouponChange): Promise<CouponWithHolders>;
  /**
   * Under an idempotency key the units are added once, however often this is called; the same key with another number
   * of units is `idempotency_key_reused`. Where all is sold out this takes about half a second: no process may go on
   * refusing from memory once the units are there.
   */
  addStock(addition: {
    name: string;
    units: number;
    idempotencyKey: string | undefined;
  }): Promise<{ coupon: CouponWithHolders; replayed: boolean }>;
};

// Additions that come at the same time make each other wait only where each one's units are gone at once.
const addStockMsMax = 10_000;

/** The use cases over a store. `batchIdFor` gives the same id for the same text, and never one that `newBatchId` gives. */
export function manageCouponWith(parts: {
  store: CouponStore;
  clock: Clock;
  newBatchId(): string;
  batchIdFor(text: string): string;
  /** Aborts when the service ends: whoever still waits hears `unavailable`. */
  ending: AbortSignal;
}): ManageCoupon {
  const { store, clock, newBatchId, batchIdFor, ending } = parts;

  /** Waits until what was announced may be added. Rejects when that would take too long, with nothing added. */
  const waitForAnnouncement = async (giveUpMs: number): Promise<void> => {
    if (clock.nowMs() + announcementWaitMs > giveUpMs) {
      throw unavailable('the coupon sells out again and again before this addition can be made');
    }
    await clock.sleep(announcementWaitMs, ending);
    if (ending.aborted) throw unavailable('the service is stopping');
  };

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
      const giveUpMs = clock.nowMs() + addStockMsMax;
      let announcement: string | undefined;
      for (;;) {
        const added = await store.addStock({ name, units, batchId, announcement });
        if (added === 'coupon_not_found') throw couponNotFound();
        if (added === 'too_much') {
          throw invalid({ field: 'add', message: `must not bring amount above ${amountMax}` });
        }
        if (added === 'idempotency_key_reused') {
          throw new AppError(added, {
            detail: 'this key has added another number of units before; use a new key to add more',
          });
        }
        if (!('announcement' in added)) return added;
        announcement = added.announcement;
        await waitForAnnouncement(giveUpMs);
      }
    },
  };
}

function unavailable(detail: string): AppError {
  return new AppError('unavailable', { detail });
}

function invalid(field: FieldError): AppError {
  return new AppError('invalid_request', {
    detail: `${field.field} ${field.message}`,
    fields: [field],
  });
}
