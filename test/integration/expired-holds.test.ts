// SPDX-License-Identifier: GPL-3.0-or-later
/** Batches and sweeps of coupons whose holds have expired, or are still in time. */
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { newId } from '../../src/adapters/system/ids.ts';
import type { BatchAnswer, BatchCommand } from '../../src/core/claims/ports.ts';
import { auditRecords } from '../support/audit.ts';
import { byTest } from '../support/by-test.ts';
import { range } from '../support/crowd.ts';
import { openStores, outcomesOf, type Stores } from '../support/stores.ts';
import { sweepHolds } from '../support/sweep-holds.ts';
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

/** Creates a coupon with holds that these users have, in their order, and returns its id. */
async function plant(name: string, amount: number, users: readonly string[]): Promise<string> {
  const coupon = { name, amount, opensAt: null, closesAt: null, holdSeconds: 3600 };
  await stores.coupons.createCoupon({ ...coupon, batchId: newId() }, byTest);
  await stores.decide(name, users);
  const rows = await database.query<{ id: string }>('select id from coupons where name = $1', [
    name,
  ]);
  return rows[0]?.id ?? '';
}

/** Lets all holds of the coupon expire: all that has happened, happened two hours earlier. */
async function expire(id: string): Promise<void> {
  const earlier = (...columns: string[]) =>
    columns.map((column) => `${column} = ${column} - interval '2 hours'`).join();
  await database.query(
    `with claim as (
       update claims set ${earlier('claimed_at', 'expires_at', 'confirmed_at')} where coupon_id = $1
     ), row as (
       update stock_ledger set ${earlier('recorded_at')} where coupon_id = $1
     )
     update coupons set ${earlier('created_at', 'decided_at')} where id = $1`,
    [id],
  );
}

const confirmation = (couponName: string, userId: string): BatchCommand => ({
  ...{ change: 'confirm', couponName, userId, claimId: undefined, by: byTest },
  ...{ idempotencyKey: undefined, reason: undefined, isFinal: false },
  ...{ mayReleaseConfirmed: false, announcement: undefined },
});

const usersOf = (count: number, prefix = 'user') => range(count).map((n) => `${prefix}-${n}`);

const positionsOf = (answer: BatchAnswer) =>
  answer.kind === 'decided'
    ? answer.outcomes.map((one) => ('claim' in one ? one.claim?.position : undefined))
    : [];

it('users whose own hold has expired get positions in their order of arrival', async () => {
  await expire(await plant('own', 50, ['ada', 'bob']));
  await stores.decide('own', ['eve']);
  const answer = await stores.decide('own', ['joe', 'bob', 'zoe', 'ada', 'eve', 'kim']);
  expect(outcomesOf(answer)).toEqual([
    ...['claimed', 'claimed', 'claimed', 'claimed', 'already_claimed', 'claimed'],
  ]);
  expect(positionsOf(answer)).toEqual([4, 5, 6, 7, 3, 8]);
});

it('users whose own hold has expired get positions in their order of arrival beside changes', async () => {
  const couponName = 'own beside';
  await expire(await plant(couponName, 50, ['ada', 'bob']));
  await stores.decide(couponName, ['eve']);
  const claim = { couponName, idempotencyKey: undefined };
  const commands = [
    { ...claim, userId: 'ada', claimId: newId() },
    { ...claim, userId: 'joe', claimId: newId() },
    confirmation(couponName, 'eve'),
    confirmation(couponName, 'bob'),
  ];
  const answer = await stores.claims.decideBatch({ batchId: newId(), couponName, commands });
  expect(outcomesOf(answer)).toEqual(['claimed', 'claimed', 'changed', 'hold_expired']);
  expect(positionsOf(answer)).toEqual([4, 5, 3, 2]);
});

it('an expired hold is found behind claims that were confirmed in time', async () => {
  const couponName = 'behind';
  const id = await plant(couponName, 50, ['ada', 'bob']);
  const commands = [confirmation(couponName, 'ada')];
  await stores.claims.decideBatch({ batchId: newId(), couponName, commands });
  await expire(id);
  expect(positionsOf(await stores.decide(couponName, ['bob', 'joe']))).toEqual([3, 4]);
});

it('a claim that is sent again keeps its hold, although that has expired', async () => {
  const claimId = newId();
  const id = await plant('again', 50, []);
  await stores.decide('again', [{ userId: 'ada', claimId }]);
  await expire(id);
  const answer = await stores.decide('again', [{ userId: 'ada', claimId }, 'joe']);
  expect(outcomesOf(answer)).toEqual(['claimed', 'claimed']);
  expect(positionsOf(answer)).toEqual([1, 2]);
});

it.each([20, 50, 150])(
  'a sweep of %i of 150 due holds states whether more are due',
  async (slice) => {
    const id = await plant(`sweep ${slice}`, 200, usersOf(150));
    await expire(id);
    await stores.decide(`sweep ${slice}`, usersOf(10, 'late'));
    for (let left = 150; left > 0; left -= slice) {
      const released = Math.min(slice, left);
      expect(await sweepHolds(database, `sweep ${slice}`, slice)).toEqual([
        { released, has_more: left > released },
      ]);
    }
  },
);

it('refusals of a sold-out coupon walk over its holds once for their batch', async () => {
  await expire(await plant('refused', 300, ['ada', 'bob']));
  await stores.decide('refused', usersOf(298));
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    await client.query('begin');
    for (const differ of [true, false]) {
      const before = await scansOf(client);
      const { rows } = await client.query(
        `select outcome, sum(claims)::integer as claims
         from claim_batch_2($1, 'refused', $2, $3, $4, $5) group by outcome order by outcome`,
        [
          ...[newId(), usersOf(40, `new-${differ}`), range(40).map(() => newId())],
          ...[range(40).map(() => null), differ],
        ],
      );
      const claimed = differ ? [{ outcome: 'claimed', claims: 2 }] : [];
      expect(rows).toEqual([...claimed, { outcome: 'sold_out', claims: differ ? 38 : 40 }]);
      // One for the walk, and one that finds whether any hold can have expired.
      expect((await scansOf(client)) - before).toBeLessThanOrEqual(2);
    }
    await client.query('commit');
  } finally {
    await client.end();
  }
});

/** How often this transaction has searched the claims by position. */
async function scansOf(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ scans: string }>(
    `select pg_stat_get_xact_numscans('claims_one_per_position'::regclass) as scans`,
  );
  return Number(rows[0]?.scans);
}
