// SPDX-License-Identifier: GPL-3.0-or-later
import { expect, it } from 'vitest';
import { newId } from '../../src/adapters/system/ids.ts';
import { range } from '../support/crowd.ts';
import { openStores, type Stores, wordsOf } from '../support/stores.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

const claimsInAll = 200_000;
const batchSize = 5_000;

type Use = { table: string; seq_scan: string; idx_scan: string; idx_tup_fetch: string };

async function usesOf(database: TestDatabase): Promise<Record<string, Use>> {
  const rows = await database.query<Use>(
    `select relname as table, seq_scan, idx_scan, idx_tup_fetch from pg_stat_user_tables`,
  );
  return Object.fromEntries(rows.map((row) => [row.table, row]));
}

/** A bundle of one claim each, given as the name of the coupon and the user. */
const decideBundle = (stores: Stores, ...claims: [couponName: string, userId: string][]) =>
  stores.claims.claimBundle(
    claims.map(([couponName, userId]) => ({
      ...{ batchId: newId(), couponName },
      attempts: [{ couponName, userId, claimId: newId(), idempotencyKey: undefined }],
    })),
  );

/** Every statement that reads or decides claims, on users that hold and on users that do not. */
async function useAll(stores: Stores, round: number): Promise<void> {
  for (const index of range(8)) {
    // A lone claim, a small batch in which all win, and one with holders, second asks and losers.
    const newcomers = range(10).map((user) => `round-${round}-${index}-${user}`);
    await stores.decide('hot', [`round-${round}-${index}-lone`]);
    await stores.decide('hot', newcomers);
    await stores.decide('hot', [...newcomers, 'ada', 'ada']);
    await stores.decide('hot', ['ada'], newId());
    // A bundle in which all win, and one with a holder and a loser.
    const bundled = `round-${round}-${index}-bundled`;
    const won = { outcome: 'claimed' };
    expect(await decideBundle(stores, ['hot', bundled], ['quiet', bundled])).toMatchObject({
      outcomes: [won, won],
    });
    expect(
      await decideBundle(stores, ['sold out', 'eve'], ['hot', 'ada'], ['quiet', `${bundled}-2`]),
    ).toMatchObject({ outcomes: [undefined, undefined, won] });
    await stores.decide('sold out', ['ada', 'eve', 'bob']);
    await stores.claims.voidBatch('hot', newId());
    await stores.claims.findCouponNames(['hot', 'sold out', 'nowhere']);
    await stores.reader.findClaim('hot', 'ada');
    await stores.reader.findClaim('hot', `round-${round}-${index}-lone`);
    await stores.reader.listClaims({ couponName: 'hot', afterPosition: index * 20, limit: 10 });
    await stores.soldOut.lookAtStock(['hot', 'sold out', 'nowhere']);
    await stores.soldOut.listHolders({ couponName: 'hot', afterPosition: index * 20, limit: 10 });
    await stores.coupons.readCoupons(['hot', 'sold out', 'nowhere']);
    await stores.coupons.listCoupons({ afterId: '0', limit: 10 });
    await stores.coupons.changeCoupon('hot', { paused: false });
    for (const name of ['hot', 'sold out']) {
      await stores.coupons.addStock({
        ...{ name, units: 1, batchId: newId() },
        announcement: undefined,
      });
    }
  }
}

it.each([
  ['while the tables were empty', false],
  // The statistics of a shop whose coupons had a claim each, until one went hot.
  ['by statistics of many small coupons', true],
])('plans made %s still use the indexes at 200,000 claims of one coupon', async (_, analysed) => {
  const database = await createTestDatabase();
  for (const table of ['coupons', 'claims', 'stock_ledger']) {
    await database.query(`alter table ${table} set (autovacuum_enabled = false)`);
  }
  if (analysed) {
    const before = openStores(database.url);
    for (const index of range(300)) {
      await before.createCoupon(`small-${index}`, 1);
      await before.decide(`small-${index}`, [`user-${index}`]);
    }
    await before.close();
    await database.query('analyze');
  }
  // One connection of each kind, so that the last call runs on the plans of the first.
  const stores = openStores(database.url, { claimConnections: 1, queryConnections: 1 });
  await stores.createCoupon('sold out', 1);
  await stores.createCoupon('quiet', 10_000);
  await stores.createCoupon('hot', claimsInAll + 10_000);
  await stores.decide('sold out', ['somebody']);
  await useAll(stores, 1);
  for (const batch of range(claimsInAll / batchSize)) {
    const answer = await stores.decide(
      'hot',
      range(batchSize).map((user) => `user-${batch * batchSize + user}`),
    );
    expect(new Set(wordsOf(answer))).toEqual(new Set(['claimed']));
  }
  await useAll(stores, 2);
  // A backend tells what it did when it ends.
  await stores.close();

  const uses = await usesOf(database);
  expect(uses.claims).toMatchObject({ seq_scan: '0' });
  expect(uses.coupons).toMatchObject({ seq_scan: '0' });
  expect(uses.stock_ledger).toMatchObject({ seq_scan: '0' });
  expect(Number(uses.claims?.idx_scan)).toBeGreaterThan(0);
  // Reading a coupon fetches its first 1,000 holders, here 3 times in 8 turns of 2 rounds; whatever walks all claims
  // of the coupon fetches at least 200,000 more each time.
  const fetchedAtMost = 3 * 8 * 2 * 1_000 + claimsInAll / 2;
  expect(Number(uses.claims?.idx_tup_fetch)).toBeLessThan(fetchedAtMost);
  const [read] = await database.query<{ tuples: string }>(
    `select sum(idx_tup_read) as tuples from pg_stat_user_indexes where relname = 'claims'`,
  );
  expect(Number(read?.tuples)).toBeLessThan(fetchedAtMost);
  await database.drop();
});
