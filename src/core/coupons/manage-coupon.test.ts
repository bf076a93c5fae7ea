// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { numbered } from '../../../test/support/scripted-claim-store.ts';
import { amountMax, type CouponWithHolders } from './coupon.ts';
import { manageCouponWith } from './manage-coupon.ts';
import type { CouponStore } from './ports.ts';

const coupon: CouponWithHolders = {
  ...{ id: '1', name: 'LAUNCH', amount: 5, remainingAmount: 5, state: 'open' },
  ...{ opensAt: null, closesAt: null, paused: false, holders: [] },
};

function setup(answers: Partial<CouponStore>) {
  const notAsked = () => Promise.reject(new Error('not asked for'));
  return manageCouponWith({
    store: {
      ...{ createCoupon: notAsked, changeCoupon: notAsked, addStock: notAsked },
      ...{ readCoupons: notAsked, listCoupons: notAsked },
      ...answers,
    },
    newBatchId: numbered('new-'),
    batchIdFor: (text) => `for ${text}`,
  });
}

describe('creating a coupon', () => {
  const newCoupon = { name: 'LAUNCH', amount: 5, opensAt: null, closesAt: null };

  it('gives the coupon as it was created, each under a batch id of its own', async () => {
    const asked: unknown[] = [];
    const manage = setup({
      createCoupon: async (asking) => {
        asked.push(asking);
        return coupon;
      },
    });
    expect(await manage.create(newCoupon)).toBe(coupon);
    await manage.create(newCoupon);
    expect(asked).toEqual([
      { ...newCoupon, batchId: 'new-1' },
      { ...newCoupon, batchId: 'new-2' },
    ]);
  });

  it('says so when the name is taken', async () => {
    const manage = setup({ createCoupon: async () => 'coupon_exists' });
    await expect(manage.create(newCoupon)).rejects.toMatchObject({ code: 'coupon_exists' });
  });
});

describe('changing a coupon', () => {
  it('gives the coupon as it is then', async () => {
    const manage = setup({ changeCoupon: async () => coupon });
    expect(await manage.change('LAUNCH', { paused: true })).toBe(coupon);
  });

  it('says so when there is none', async () => {
    const manage = setup({ changeCoupon: async () => 'coupon_not_found' });
    await expect(manage.change('nowhere', {})).rejects.toMatchObject({ code: 'coupon_not_found' });
  });

  it('names the field when the window would end before it begins', async () => {
    const manage = setup({ changeCoupon: async () => 'window_ends_before_it_begins' });
    await expect(manage.change('LAUNCH', {})).rejects.toMatchObject({
      code: 'invalid_request',
      fields: [{ field: 'closes_at', message: 'must be later than opens_at' }],
    });
  });
});

describe('adding stock', () => {
  function adding() {
    const batchIds: string[] = [];
    const manage = setup({
      addStock: async ({ batchId }) => {
        batchIds.push(batchId);
        return { coupon, replayed: false };
      },
    });
    const add = (name: string, idempotencyKey?: string) =>
      manage.addStock({ name, units: 1, idempotencyKey });
    return { batchIds, add };
  }

  it('is one addition under one key, however often it is asked', async () => {
    const { batchIds, add } = adding();
    await add('LAUNCH', 'one intent');
    await add('LAUNCH', 'one intent');
    expect(new Set(batchIds).size).toBe(1);
  });

  it('is another addition without a key, under another key, or for another coupon', async () => {
    const { batchIds, add } = adding();
    await add('LAUNCH');
    await add('LAUNCH');
    await add('LAUNCH', 'one intent');
    await add('LAUNCH', 'another intent');
    await add('OTHER', 'one intent');
    // Two pairs that would be the same text if they were merely joined.
    await add('a', 'b,c');
    await add('a,b', 'c');
    await add('a","b', 'c');
    expect(new Set(batchIds).size).toBe(8);
  });

  it('tells whether it had been added before', async () => {
    const manage = setup({ addStock: async () => ({ coupon, replayed: true }) });
    const addition = { name: 'LAUNCH', units: 1, idempotencyKey: 'one intent' };
    expect(await manage.addStock(addition)).toEqual({ coupon, replayed: true });
  });

  it.each([
    ['coupon_not_found', { code: 'coupon_not_found' }],
    ['too_much', { code: 'invalid_request', fields: [{ field: 'add' }] }],
  ] as const)('says so when it is %s', async (told, fault) => {
    const manage = setup({ addStock: async () => told });
    const failure = await manage
      .addStock({ name: 'LAUNCH', units: amountMax, idempotencyKey: undefined })
      .catch((error: unknown) => error);
    expect(failure).toMatchObject(fault);
  });
});
