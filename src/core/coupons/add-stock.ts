// SPDX-License-Identifier: GPL-3.0-or-later
import { AppError } from '../errors.ts';
import type { ActedBy } from '../operator-log/operator-log.ts';
import { type AnnouncedChangeOptions, makeAnnouncedChange } from '../stock/announced-change.ts';
import { amountMax, type CouponWithHolders, couponNotFound } from './coupon.ts';
import { invalidField } from './invalid-field.ts';
import type { CouponStore } from './ports.ts';

/**
 * Adds units to a coupon. Under an idempotency key they are added once, however often this is called; the same key with
 * another number of units is `idempotency_key_reused`. For a sold-out coupon this takes about half a second, since the
 * change is announced first. Other faults: `coupon_not_found`, `invalid_request`, `unavailable`.
 */
export type AddStock = (
  addition: { name: string; units: number; idempotencyKey: string | undefined },
  by: ActedBy,
) => Promise<{ coupon: CouponWithHolders; replayed: boolean }>;

/** Adds stock in a store. `batchIdFor` returns one id per text, and never one that `newBatchId` returns. */
export function addStockWith(
  parts: AnnouncedChangeOptions & {
    store: Pick<CouponStore, 'addStock'>;
    newBatchId(): string;
    batchIdFor(text: string): string;
  },
): AddStock {
  const { store, newBatchId, batchIdFor } = parts;
  return async ({ name, units, idempotencyKey }, by) => {
    const batchId =
      idempotencyKey === undefined
        ? newBatchId()
        : batchIdFor(JSON.stringify(['add_stock', name, idempotencyKey]));
    const added = await makeAnnouncedChange(
      (announcement) => store.addStock({ name, units, batchId, announcement }, by),
      parts,
    );
    if (added === 'coupon_not_found') throw couponNotFound();
    if (added === 'too_much') {
      throw invalidField({ field: 'add', message: `must not bring amount above ${amountMax}` });
    }
    if (added === 'idempotency_key_reused') {
      throw new AppError(added, {
        detail: 'this key has added another number of units before; use a new key to add more',
      });
    }
    // Without a key only an attempt of this call can have added the units before.
    return { ...added, replayed: added.replayed && idempotencyKey !== undefined };
  };
}
