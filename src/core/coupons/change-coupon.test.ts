// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { byTest } from '../../../test/support/by-test.ts';
import { changeCouponWith } from './change-coupon.ts';
import { type CouponWithHolders, couponDefaults } from './coupon.ts';

const coupon: CouponWithHolders = {
  ...{ id: '1', name: 'LAUNCH', amount: 5, remainingAmount: 5, state: 'open' },
  ...{ opensAt: null, closesAt: null, paused: false, archived: false, holders: [] },
  ...couponDefaults,
};

describe('changeCoupon', () => {
  it('returns the coupon as it is after the change', async () => {
    const changeCoupon = changeCouponWith({ changeCoupon: async () => coupon });
    expect(await changeCoupon('LAUNCH', { paused: true }, byTest)).toBe(coupon);
  });

  it('rejects an unknown coupon with coupon_not_found', async () => {
    const changeCoupon = changeCouponWith({ changeCoupon: async () => 'coupon_not_found' });
    await expect(changeCoupon('nowhere', {}, byTest)).rejects.toMatchObject({
      code: 'coupon_not_found',
    });
  });

  it('names the field if the sale window would end before it begins', async () => {
    const changeCoupon = changeCouponWith({
      changeCoupon: async () => 'window_ends_before_it_begins',
    });
    await expect(changeCoupon('LAUNCH', {}, byTest)).rejects.toMatchObject({
      code: 'invalid_request',
      fields: [{ field: 'closes_at', message: 'must be later than opens_at' }],
    });
  });
});
