// SPDX-License-Identifier: GPL-3.0-or-later
/** What operators see and add while claims of a coupon are confirmed and released. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../src/adapters/system/ids.ts';
import type { ClaimChange } from '../../src/core/claims/claim.ts';
import { amountMax } from '../../src/core/coupons/coupon.ts';
import { auditRecords } from '../support/audit.ts';
import { byTest } from '../support/by-test.ts';
import { openStores, outcomesOf, type Stores } from '../support/stores.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

let database: TestDatabase;
let stores: Stores;

beforeAll(async () => {
  database = await createTestDatabase();
  stores = openStores(database.url);
});

afterAll(async () => {
  expect(await auditRecords(database.query)).toEqual([]);
  await stores.close();
  await database.drop();
});

/** Creates a coupon with holds that no test outlasts. */
async function createWithHolds(name: string, amount: number): Promise<void> {
  const coupon = { name, amount, opensAt: null, closesAt: null, holdSeconds: 3600 };
  await stores.coupons.createCoupon({ ...coupon, batchId: newId() }, byTest);
}

/** Changes the claim of a user, and returns the announcement that this needs first, or undefined when it is made. */
async function change(
  what: ClaimChange,
  couponName: string,
  userId: string,
  announcement?: string,
): Promise<string | undefined> {
  const command = { change: what, couponName, userId, announcement, by: byTest };
  const answer = await stores.claims.decideBatch({
    ...{ batchId: newId(), couponName },
    commands: [
      {
        ...{ ...command, claimId: undefined, idempotencyKey: undefined, reason: undefined },
        ...{ isFinal: false, mayReleaseConfirmed: false },
      },
    ],
  });
  if (answer.kind !== 'decided') throw new Error(`not decided: ${answer.kind}`);
  const [outcome] = answer.outcomes;
  if (outcome?.outcome === 'announced') return outcome.announcement;
  expect(outcome).toMatchObject({ outcome: 'changed' });
  return undefined;
}

const add = (name: string, units: number, announcement?: string, batchId = newId()) =>
  stores.coupons.addStock({ name, units, batchId, announcement }, byTest);

/** The announcement of an addition that is not made yet. */
async function announceStock(name: string, announcement?: string): Promise<string> {
  const answer = await add(name, 1, announcement);
  if (typeof answer === 'string' || !('announcement' in answer)) throw new Error('not announced');
  return answer.announcement;
}

const read = async (name: string) => (await stores.coupons.readCoupons([name])).get(name);

describe('a coupon whose claims are released', () => {
  it('a released unit is on sale again, the amount stays, and its user is no holder', async () => {
    await createWithHolds('returned', 3);
    await stores.decide('returned', ['ada', 'bob']);
    await change('release', 'returned', 'ada');
    const returned = { amount: 3, remainingAmount: 2, holders: ['bob'] };
    expect(await read('returned')).toMatchObject(returned);
    const listed = await stores.coupons.changeCoupon('returned', { title: 'again' }, byTest);
    expect(listed).toMatchObject(returned);
    for (const user of ['ada', 'eve']) await stores.decide('returned', [user]);
    expect(await read('returned')).toMatchObject({
      ...{ amount: 3, remainingAmount: 0, holders: ['bob', 'ada', 'eve'] },
    });
  });

  it('adding stock adds exactly the units that were asked for, also after units have returned', async () => {
    await createWithHolds('added', 3);
    await stores.decide('added', ['ada', 'bob', 'eve']);
    const announcement = await change('release', 'added', 'ada');
    await change('release', 'added', 'ada', announcement);
    const batchId = newId();
    const coupon = { amount: 8, remainingAmount: 6, holders: ['bob', 'eve'] };
    expect(await add('added', 5, undefined, batchId)).toMatchObject({ coupon, replayed: false });
    expect(await add('added', 5, undefined, batchId)).toMatchObject({ coupon, replayed: true });
    expect(await add('added', 6, undefined, batchId)).toBe('idempotency_key_reused');
    const rows = await database.query(
      `select units, remaining_after from stock_ledger
       where kind = 'stock_added' and coupon_id = (select id from coupons where name = 'added')`,
    );
    expect(rows).toEqual([{ units: 5, remaining_after: 6 }]);
  });

  it('the limit of the amount counts the units offered, not those that have returned', async () => {
    await createWithHolds('largest', amountMax - 1);
    await stores.decide('largest', ['ada', 'bob']);
    for (const user of ['ada', 'bob']) await change('release', 'largest', user);
    expect(await add('largest', 2)).toBe('too_much');
    const coupon = { amount: amountMax, remainingAmount: amountMax };
    expect(await add('largest', 1)).toMatchObject({ coupon });
    expect(await add('largest', 1)).toBe('too_much');
  });
});

describe('an announced addition to a sold out coupon', () => {
  it('is made although claims are confirmed after its announcement', async () => {
    await createWithHolds('confirmed', 3);
    await stores.decide('confirmed', ['ada', 'bob', 'eve']);
    const announcement = await announceStock('confirmed');
    for (const user of ['ada', 'bob']) await change('confirm', 'confirmed', user);
    expect(await add('confirmed', 1, announcement)).toMatchObject({ coupon: { amount: 4 } });
  });

  it('is announced again when a released unit went back on sale and was claimed since', async () => {
    await createWithHolds('released', 2);
    await stores.decide('released', ['ada', 'bob']);
    const announcement = await announceStock('released');
    const ofRelease = await change('release', 'released', 'ada');
    await change('release', 'released', 'ada', ofRelease);
    expect(outcomesOf(await stores.decide('released', ['eve']))).toEqual(['claimed']);
    // Another addition is announced now. The one from before the release does not count with it.
    const another = await announceStock('released');
    expect(await announceStock('released', announcement)).toBe(another);
    expect(another).not.toBe(announcement);
    expect(await add('released', 1, another)).toMatchObject({ coupon: { amount: 3 } });
  });

  it('is made at once while a released unit is left', async () => {
    await createWithHolds('left', 1);
    await stores.decide('left', ['ada']);
    await announceStock('left');
    const ofRelease = await change('release', 'left', 'ada');
    await change('release', 'left', 'ada', ofRelease);
    expect(await add('left', 1)).toMatchObject({ coupon: { amount: 2, remainingAmount: 2 } });
  });
});
