// SPDX-License-Identifier: GPL-3.0-or-later
import { expect, it } from 'vitest';
import { Database } from '../../src/adapters/postgres/database.ts';
import { postgresStockCheckReader } from '../../src/adapters/postgres/stock-check-reader.ts';
import { newId } from '../../src/adapters/system/ids.ts';
import { range } from '../support/crowd.ts';
import { openStores, type Stores, wordsOf } from '../support/stores.ts';
import { createTestDatabase, schema, type TestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

const claimsInAll = 200_000;
const batchSize = 5_000;

type Use = { table: string; seq_scan: string; idx_scan: string; idx_tup_fetch: string };

/** Once all have ended: a backend tells what it did when it ends. */
async function usesOf(database: TestDatabase): Promise<Record<string, Use>> {
  const sessions = `select from pg_stat_activity
    where datname = current_database() and application_name = 'firstcome'`;
  await waitFor('end', async () => (await database.query(sessions)).length === 0);
  const rows = await database.query<Use>(
    `select relname as table, seq_scan, idx_scan, idx_tup_fetch from pg_stat_user_tables`,
  );
  return Object.fromEntries(rows.map((row) => [row.table, row]));
}

/** A bundle of one claim each, given as the name of the coupon and the user. */
const decideBundle = (stores: Stores, ...claims: [couponName: string, userId: string][]) =>
  stores.claims.claimMultiCoupon(
    claims.map(([couponName, userId]) => ({
      ...{ batchId: newId(), couponName },
      commands: [{ couponName, userId, claimId: newId(), idempotencyKey: undefined }],
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
    await stores.soldOut.readStock(['hot', 'sold out', 'nowhere']);
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
])(
  'plans made %s still use the indexes at 200,000 claims of one coupon',
  async (_, analysed) => {
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
  },
  240_000,
);

const statisticsOf: [string, boolean][] = [
  ['empty', false],
  ['full', true],
];

it.each(statisticsOf)(
  'the stock check reads pages by key, planned on %s tables',
  async (_, isFull) => {
    const database = await createTestDatabase();
    const connections = new Database({
      ...{ url: database.url, schema, connectionsMax: 1, connectTimeoutMs: 20_000 },
      ...{ lockTimeoutMs: 20_000, statementTimeoutMs: 60_000, answerTimeoutMs: 60_000 },
      ...{ onIdleConnectionLost: () => undefined },
    });
    const sizes = { coupons: 20, rows: 100 };
    const reader = postgresStockCheckReader(connections, sizes);
    const places = range(8);
    const readPages = async () => {
      for (const place of places) {
        // In a hot coupon with nine rows in ten, and in the many small ones behind it.
        const [hot, small] = [{ couponId: '1', number: place * 24_000 }, String(1 + place * 1000)];
        await reader.checkClaims(hot);
        await reader.checkLedger(hot);
        await reader.checkClaims({ couponId: small, number: 0 });
        await reader.checkLedger({ couponId: small, number: 0 });
        // The first time the hot one too.
        await reader.checkCoupons(String(place * 1000));
      }
    };
    if (!isFull) await readPages();
    await fillWithDifferences(database);
    if (isFull) await database.query('analyze');
    await readPages();
    await connections.close();

    const uses = await usesOf(database);
    // Twice its rows for a page of claims and one of the ledger, a row for each coupon, and ten names a page.
    const rowsMax = 2 * places.length * (2 * sizes.rows + sizes.coupons + 5 * 10);
    for (const [table, size] of Object.entries(sizeOf)) {
      expect(rowsMax).toBeLessThan(size);
      expect(uses[table]).toMatchObject({ seq_scan: '0' });
      const [read] = await database.query<{ tuples: string }>(
        'select sum(idx_tup_read) as tuples from pg_stat_user_indexes where relname = $1',
        [table],
      );
      for (const rows of [read?.tuples, uses[table]?.idx_tup_fetch]) {
        expect(Number(rows), table).toBeGreaterThan(0);
        expect(Number(rows), table).toBeLessThan(rowsMax);
      }
    }
    await database.drop();
  },
  240_000,
);

const sizeOf: Record<string, number> = { coupons: 10_000, claims: 100_000, stock_ledger: 100_000 };

/** Coupon 1 gets nine rows in ten. Nothing agrees, so that every page has to name its coupons as well. */
async function fillWithDifferences(database: TestDatabase): Promise<void> {
  for (const table of Object.keys(sizeOf)) {
    await database.query(`alter table ${table} set (autovacuum_enabled = false)`);
  }
  const place = `case when n <= 90000 then 1 else n - 89999 end,
    case when n <= 90000 then n * 2 else 2 end`;
  await database.query(`
    insert into coupons (name, amount, remaining_amount, ledger_seq, decided_at, created_at)
    select 'coupon-' || n, 200000, 50000, 1, now(), now() from generate_series(1, 10000) n`);
  await database.query(`
    insert into claims (coupon_id, position, user_id, claim_id, claimed_at)
    select ${place}, 'user-' || n, gen_random_uuid(), now() from generate_series(1, 100000) n`);
  await database.query(`
    insert into stock_ledger (coupon_id, seq, batch_id, kind, units, remaining_after, recorded_at)
    select ${place}, gen_random_uuid(), 'grant', 1, 1, now() from generate_series(1, 100000) n`);
}
