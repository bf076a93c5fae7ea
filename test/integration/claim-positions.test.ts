// SPDX-License-Identifier: GPL-3.0-or-later
/** The numbers of claims at the ends of their range, and holds far behind the first claim. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { newId } from '../../src/adapters/system/ids.ts';
import { byTest } from '../support/by-test.ts';
import { range } from '../support/crowd.ts';
import { openStores, outcomesOf, type Stores } from '../support/stores.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

let database: TestDatabase;
let stores: Stores;

beforeAll(async () => {
  database = await createTestDatabase();
  stores = openStores(database.url);
});

afterAll(async () => {
  await stores.close();
  await database.drop();
});

it('a claim beyond the last position gets none, and nothing of it is stored', async () => {
  await stores.createCoupon('used up', 10);
  // As after as many units have come back and were claimed again.
  await database.query(`update coupons set returned_units = 2147483646 where name = 'used up'`);
  expect(outcomesOf(await stores.decide('used up', ['ada']))).toEqual(['claimed']);
  expect(await stores.reader.findClaim('used up', 'ada')).toMatchObject({ position: 2147483647 });
  expect(outcomesOf(await stores.decide('used up', ['eve']))).toEqual(['no_position']);
  expect(await stores.reader.findClaim('used up', 'eve')).toBeUndefined();
  expect(
    await database.query(`select remaining_amount from coupons where name = 'used up'`),
  ).toEqual([{ remaining_amount: 9 }]);
});

it('beside a claim beyond the last position, all other commands of the batch are decided', async () => {
  const couponName = 'used up beside';
  const coupon = { name: couponName, amount: 10, opensAt: null, closesAt: null, holdSeconds: 3600 };
  await stores.coupons.createCoupon({ ...coupon, batchId: newId() }, byTest);
  await stores.decide(couponName, ['ada', 'bob']);
  await database.query('update coupons set returned_units = 2147483644 where name = $1', [
    couponName,
  ]);
  const claim = (userId: string) => {
    return { couponName, userId, claimId: newId(), idempotencyKey: undefined };
  };
  const change = (kind: 'confirm' | 'release', userId: string) => ({
    ...{ couponName, userId, change: kind, claimId: undefined, by: byTest },
    ...{ idempotencyKey: undefined, reason: undefined, isFinal: false },
    ...{ mayReleaseConfirmed: false, announcement: undefined },
  });
  const commands = [
    ...[claim('eve'), claim('joe'), change('confirm', 'ada'), change('release', 'bob')],
    claim('ada'),
  ];
  const answer = await stores.claims.decideBatch({ batchId: newId(), couponName, commands });
  expect(outcomesOf(answer)).toEqual([
    ...['claimed', 'no_position', 'changed', 'changed', 'already_claimed'],
  ]);
  expect(await stores.reader.findClaim(couponName, 'eve')).toMatchObject({ position: 2147483647 });
});

it('a claim beyond the last position is left out of a multi-coupon batch', async () => {
  const names = ['used up alone', 'has positions'];
  for (const name of names) await stores.createCoupon(name, 10);
  await database.query(`update coupons set returned_units = 2147483647 where name = $1`, [
    'used up alone',
  ]);
  const answer = await stores.claims.claimMultiCoupon(
    names.map((couponName) => ({
      ...{ batchId: newId(), couponName },
      commands: [{ couponName, userId: 'ada', claimId: newId(), idempotencyKey: undefined }],
    })),
  );
  expect(answer).toMatchObject({ outcomes: [undefined, { outcome: 'claimed' }] });
});

it('the unit of an expired hold is sold behind thousands of confirmed claims', async () => {
  const confirmed = 5_000;
  await stores.createCoupon('deep', confirmed + 1);
  await database.query(`update coupons set hold_seconds = 600 where name = 'deep'`);
  for (let from = 0; from <= confirmed; from += 1_000) {
    const users = range(Math.min(1_000, confirmed + 1 - from)).map((n) => `user-${from + n}`);
    await stores.decide('deep', users);
  }
  await database.query(
    `update claims set expires_at = case when position > $1 then now() - interval '1 hour' end,
       confirmed_at = case when position <= $1 then now() end
     where coupon_id = (select id from coupons where name = 'deep')`,
    [confirmed],
  );
  expect(outcomesOf(await stores.decide('deep', ['new', 'late']))).toEqual(['claimed', 'sold_out']);
  expect(await stores.reader.findClaim('deep', 'new')).toMatchObject({ position: confirmed + 2 });
  expect(
    await database.query(`select returned_units, expiry_position from coupons where name = 'deep'`),
  ).toEqual([{ returned_units: '1', expiry_position: confirmed + 1 }]);
});
