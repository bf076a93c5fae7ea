// SPDX-License-Identifier: GPL-3.0-or-later
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { idFor, newId } from '../../src/adapters/system/ids.ts';
import { auditRecords } from '../support/audit.ts';
import { byTest } from '../support/by-test.ts';
import { createUnfinishedDatabase } from '../support/released-migrations.ts';
import { openStores, type Stores } from '../support/stores.ts';
import type { TestDatabase } from '../support/test-database.ts';

let database: TestDatabase;
let stores: Stores;

beforeAll(async () => {
  database = await createUnfinishedDatabase();
  stores = openStores(database.url);
});

afterAll(async () => {
  expect(await auditRecords(database.query)).toEqual([]);
  await stores.close();
  await database.drop();
});

/** Adds stock as a process of the previous release does. */
async function addAsBefore(name: string, units: number, batchId: string): Promise<string> {
  const [row] = await database.query<{ outcome: string }>(
    'select outcome from add_stock($1, $2, $3, null, 1000)',
    [name, units, batchId],
  );
  return row?.outcome ?? 'no row';
}

const add = (name: string, units: number, batchId: string, announcement?: string) =>
  stores.coupons.addStock({ name, units, batchId, announcement }, byTest);

describe('adding stock twice under one batch id', () => {
  it('adds once, whether this release or the one before is called first', async () => {
    await stores.createCoupon('beside', 10);
    const [first, second] = [idFor('first'), idFor('second')];
    expect(await addAsBefore('beside', 5, first)).toBe('added');
    expect(await add('beside', 5, first)).toMatchObject({ replayed: true });
    expect(await add('beside', 6, first)).toBe('idempotency_key_reused');
    expect(await add('beside', 7, second)).toMatchObject({ replayed: false });
    expect(await addAsBefore('beside', 7, second)).toBe('replayed');
    expect(await add('beside', 7, second)).toMatchObject({ coupon: { amount: 22 } });
  });

  it('is recognised before an amount that would be too large is refused', async () => {
    await stores.createCoupon('large', 2_147_483_000);
    const batchId = idFor('large');
    expect(await add('large', 1, batchId)).toMatchObject({ replayed: false });
    expect(await add('large', 2_147_483_000, batchId)).toBe('idempotency_key_reused');
    expect(await add('large', 2_147_483_000, newId())).toBe('too_much');
  });

  it('is recognised when two numbers of units share one announcement', async () => {
    await stores.createCoupon('gone', 1);
    await stores.decide('gone', ['ada']);
    const batchId = idFor('gone');
    const one = await add('gone', 1, batchId);
    const other = await add('gone', 2, batchId);
    if (typeof one === 'string' || !('announcement' in one)) throw new Error('not announced');
    expect(other).toEqual(one);
    expect(await add('gone', 2, batchId, one.announcement)).toMatchObject({ replayed: false });
    expect(await add('gone', 1, batchId, one.announcement)).toBe('idempotency_key_reused');
    await stores.decide('gone', ['bob', 'eve']);
    // The coupon is sold out again: a repeat announces nothing.
    expect(await add('gone', 1, batchId)).toBe('idempotency_key_reused');
    expect(await add('gone', 2, batchId)).toMatchObject({ coupon: { amount: 3 }, replayed: true });
  });
});
