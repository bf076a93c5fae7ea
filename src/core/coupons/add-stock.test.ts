// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { byTest } from '../../../test/support/by-test.ts';
import { FixedClock } from '../../../test/support/fixed-clock.ts';
import { numbered } from '../../../test/support/scripted-claim-store.ts';
import { snapshotTtlMs } from '../stock/snapshot-ttl.ts';
import { addStockWith } from './add-stock.ts';
import { amountMax, type CouponWithHolders, couponDefaults } from './coupon.ts';
import type { CouponStore, StockAddition } from './ports.ts';

const coupon: CouponWithHolders = {
  ...{ id: '1', name: 'LAUNCH', amount: 5, remainingAmount: 5, state: 'open' },
  ...{ opensAt: null, closesAt: null, paused: false, archived: false, holders: [] },
  ...couponDefaults,
};

type StoreAnswer = Awaited<ReturnType<CouponStore['addStock']>>;

/** Adds stock in a store that returns these answers, one per attempt, and then that the units were added. */
function addingWith(answers: readonly StoreAnswer[] = []) {
  const clock = new FixedClock();
  const attempts: StockAddition[] = [];
  const addStock = addStockWith({
    store: {
      async addStock(addition) {
        attempts.push(addition);
        return answers[attempts.length - 1] ?? { coupon, replayed: false };
      },
    },
    ...{ clock, stopping: new AbortController().signal },
    newBatchId: numbered('new-'),
    batchIdFor: (text) => `for ${text}`,
  });
  const add = (name: string, idempotencyKey?: string) =>
    addStock({ name, units: 1, idempotencyKey }, byTest);
  return { clock, attempts, add, addStock };
}

const batchIds = (attempts: readonly StockAddition[]) =>
  new Set(attempts.map(({ batchId }) => batchId));

describe('addStock', () => {
  it('uses one batch id for one idempotency key, however often it is called', async () => {
    const { attempts, add } = addingWith();
    await add('LAUNCH', 'one intent');
    await add('LAUNCH', 'one intent');
    expect(batchIds(attempts).size).toBe(1);
  });

  it('uses another batch id without a key, for another key and for another coupon', async () => {
    const { attempts, add } = addingWith();
    await add('LAUNCH');
    await add('LAUNCH');
    await add('LAUNCH', 'one intent');
    await add('LAUNCH', 'another intent');
    await add('OTHER', 'one intent');
    // Two pairs that would be the same text if name and key were concatenated.
    await add('a', 'b,c');
    await add('a,b', 'c');
    await add('a","b', 'c');
    expect(batchIds(attempts).size).toBe(8);
  });

  it('returns whether the units had been added before', async () => {
    const { add } = addingWith([{ coupon, replayed: true }]);
    expect(await add('LAUNCH', 'one intent')).toEqual({ coupon, replayed: true });
  });

  it.each([
    ['coupon_not_found', { code: 'coupon_not_found' }],
    ['too_much', { code: 'invalid_request', fields: [{ field: 'add' }] }],
    ['idempotency_key_reused', { code: 'idempotency_key_reused' }],
  ] as const)('rejects when the store answers %s', async (answer, fault) => {
    const { addStock } = addingWith([answer]);
    const failure = await addStock(
      { name: 'LAUNCH', units: amountMax, idempotencyKey: undefined },
      byTest,
    ).catch((error: unknown) => error);
    expect(failure).toMatchObject(fault);
  });

  it('adds announced units under the same batch id once older snapshots have expired', async () => {
    const { clock, attempts, addStock } = addingWith([{ announcement: '5' }]);
    const added = addStock({ name: 'LAUNCH', units: 7, idempotencyKey: undefined }, byTest);
    await clock.advance(snapshotTtlMs);
    expect(attempts).toMatchObject([{ units: 7, announcement: undefined }]);
    await clock.advance(100);
    expect(await added).toEqual({ coupon, replayed: false });
    expect(attempts[1]).toMatchObject({ units: 7, announcement: '5' });
    expect(batchIds(attempts).size).toBe(1);
  });

  it.each([
    ['replayed', { coupon, replayed: true }, { coupon, replayed: true }],
    ['reused', 'idempotency_key_reused', { code: 'idempotency_key_reused' }],
  ] as const)('returns after an announcement that the key is %s', async (_, answer, expected) => {
    const { clock, attempts, add } = addingWith([{ announcement: '5' }, answer]);
    const added = add('LAUNCH', 'one intent').catch((error: unknown) => error);
    await clock.advance(1000);
    expect(await added).toMatchObject(expected);
    expect(attempts).toHaveLength(2);
  });
});
