// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { byTest } from '../../../test/support/by-test.ts';
import { numbered } from '../../../test/support/scripted-claim-store.ts';
import { type CouponWithHolders, couponDefaults } from './coupon.ts';
import { createCouponWith } from './create-coupon.ts';
import type { CouponStore } from './ports.ts';

const coupon: CouponWithHolders = {
  ...{ id: '1', name: 'LAUNCH', amount: 5, remainingAmount: 5, state: 'open' },
  ...{ opensAt: null, closesAt: null, paused: false, archived: false, holders: [] },
  ...couponDefaults,
};
const newCoupon = { name: 'LAUNCH', amount: 5, opensAt: null, closesAt: null };

const creatingWith = (createCoupon: CouponStore['createCoupon'], sagaNames: string[] = []) =>
  createCouponWith({
    ...{ store: { createCoupon }, newBatchId: numbered('new-') },
    sagaNames: new Set(sagaNames),
  });

describe('createCoupon', () => {
  it('returns the created coupon, and creates each one under a batch id of its own', async () => {
    const sent: unknown[] = [];
    const createCoupon = creatingWith(async (coupons) => {
      sent.push(coupons);
      return coupon;
    });
    expect(await createCoupon(newCoupon, byTest)).toBe(coupon);
    await createCoupon(newCoupon, byTest);
    expect(sent).toEqual([
      { ...newCoupon, batchId: 'new-1' },
      { ...newCoupon, batchId: 'new-2' },
    ]);
  });

  it('rejects a name that is taken with coupon_exists', async () => {
    const createCoupon = creatingWith(async () => 'coupon_exists');
    await expect(createCoupon(newCoupon, byTest)).rejects.toMatchObject({ code: 'coupon_exists' });
  });

  it('rejects a coupon with holds with the command to run while the upgrade is not finished', async () => {
    const createCoupon = creatingWith(async () => 'not_finished');
    const coupon = { ...newCoupon, holdSeconds: 600 };
    await expect(createCoupon(coupon, byTest)).rejects.toMatchObject({
      ...{ code: 'unavailable', detail: expect.stringContaining('`firstcome migrate --finish`') },
    });
  });

  it('creates a coupon whose saga and hold are known, and one whose saga is null', async () => {
    const createCoupon = creatingWith(async () => coupon, ['checkout']);
    expect(await createCoupon({ ...newCoupon, saga: 'checkout', holdSeconds: 60 }, byTest)).toBe(
      coupon,
    );
    expect(await createCoupon({ ...newCoupon, saga: null }, byTest)).toBe(coupon);
  });

  it.each([
    ['of an unknown name', { saga: 'x', holdSeconds: 60 }, 'SAGAS_FILE: checkout, refund'],
    ['without a hold', { saga: 'checkout' }, 'must come with hold_seconds'],
    ['with a hold of null', { saga: 'checkout', holdSeconds: null }, 'must come with hold_seconds'],
  ])('refuses a saga %s before anything is stored', async (_, members, message) => {
    const createCoupon = creatingWith(async () => {
      throw new Error('the coupon was stored');
    }, ['checkout', 'refund']);
    await expect(createCoupon({ ...newCoupon, ...members }, byTest)).rejects.toMatchObject({
      ...{ code: 'invalid_request', detail: expect.stringContaining(message) },
      fields: [{ field: 'saga' }],
    });
  });

  it('refuses every saga where SAGAS_FILE has none', async () => {
    const createCoupon = creatingWith(async () => coupon);
    const named = { ...newCoupon, saga: 'checkout', holdSeconds: 60 };
    await expect(createCoupon(named, byTest)).rejects.toMatchObject({
      detail: 'saga must be a saga of SAGAS_FILE, and there is none',
    });
  });
});
