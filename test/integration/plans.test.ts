// SPDX-License-Identifier: GPL-3.0-or-later
import { expect, it } from 'vitest';
import { openPools } from '../../src/adapters/postgres/connections/open-pools.ts';
import { Database } from '../../src/adapters/postgres/database.ts';
import { postgresOperatorLog } from '../../src/adapters/postgres/operator-log.ts';
import { postgresStockCheckReader } from '../../src/adapters/postgres/stock-check-reader.ts';
import { newId } from '../../src/adapters/system/ids.ts';
import { claimStates } from '../../src/core/claims/claim.ts';
import { byTest } from '../support/by-test.ts';
import { range } from '../support/crowd.ts';
import { isLong } from '../support/long.ts';
import { fillWithDifferences, sizeOf } from '../support/planted-differences.ts';
import { allCoupons, openStores, outcomesOf, type Stores } from '../support/stores.ts';
import { usesOf } from '../support/table-uses.ts';
import { createTestDatabase, schema } from '../support/test-database.ts';

const claimsInAll = isLong ? 200_000 : 100_000;
const batchSize = 5_000;

/** A multi-coupon batch, given as pairs of coupon and user. */
const decideMultiCoupon = (stores: Stores, ...claims: [couponName: string, userId: string][]) =>
  stores.claims.claimMultiCoupon(
    claims.map(([couponName, userId]) => ({
      ...{ batchId: newId(), couponName },
      commands: [{ couponName, userId, claimId: newId(), idempotencyKey: undefined }],
    })),
  );

const ofAda = { userId: 'ada', limit: 10, walkMax: 1000 };

/** Runs every statement that reads or decides claims, for holders and for other users. */
async function useAll(stores: Stores, round: number): Promise<void> {
  for (const index of range(8)) {
    // A single claim, a small batch in which all win, and one with holders, repeated users and refusals.
    const newcomers = range(10).map((user) => `round-${round}-${index}-${user}`);
    await stores.decide('hot', [`round-${round}-${index}-lone`]);
    await stores.decide('hot', newcomers);
    await stores.decide('hot', [...newcomers, 'ada', 'ada']);
    await stores.decide('hot', ['ada'], newId());
    // A multi-coupon batch in which all win, and one with a holder and a refusal.
    const user = `round-${round}-${index}-multi`;
    const won = { outcome: 'claimed' };
    expect(await decideMultiCoupon(stores, ['hot', user], ['quiet', user])).toMatchObject({
      outcomes: [won, won],
    });
    expect(
      await decideMultiCoupon(stores, ['sold out', 'eve'], ['hot', 'ada'], ['quiet', `${user}-2`]),
    ).toMatchObject({ outcomes: [undefined, undefined, won] });
    await stores.decide('sold out', ['ada', 'eve', 'bob']);
    await stores.claims.resolveBatch('hot', newId());
    await stores.claims.findCouponNames(['hot', 'sold out', 'nowhere']);
    await stores.reader.findClaim('hot', 'ada');
    await stores.reader.findClaim('hot', `round-${round}-${index}-lone`);
    await stores.reader.listClaims({ couponName: 'hot', afterPosition: index * 20, limit: 10 });
    await stores.soldOut.readStock(['hot', 'sold out', 'nowhere']);
    const after = { position: index * 20, claimId: newId() };
    await stores.soldOut.listHolders({ couponName: 'hot', after, limit: 10 });
    await stores.coupons.readCoupons(['hot', 'sold out', 'nowhere']);
    await stores.coupons.listCoupons({ ...allCoupons, limit: 10 });
    await stores.coupons.listCoupons({ ...allCoupons, limit: 10, order: 'newest' });
    await stores.reader.listUserClaims({ ...ofAda, cursor: undefined });
    await stores.coupons.changeCoupon('hot', { paused: false }, byTest);
    for (const name of ['hot', 'sold out']) {
      await stores.coupons.addStock(
        { name, units: 1, batchId: newId(), announcement: undefined },
        byTest,
      );
    }
  }
}

it.each([
  ['while the tables were empty', false],
  // The statistics of a shop whose coupons had a claim each, until one went hot.
  ['by statistics of many small coupons', true],
])(
  `plans made %s use the indexes when one coupon has ${claimsInAll} claims`,
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
    await stores.decide('sold out', ['holder']);
    await useAll(stores, 1);
    for (const batch of range(claimsInAll / batchSize)) {
      const answer = await stores.decide(
        'hot',
        range(batchSize).map((user) => `user-${batch * batchSize + user}`),
      );
      expect(new Set(outcomesOf(answer))).toEqual(new Set(['claimed']));
    }
    await useAll(stores, 2);
    await stores.close();

    const uses = await usesOf(database);
    expect(uses.claims).toMatchObject({ seq_scan: '0' });
    expect(uses.coupons).toMatchObject({ seq_scan: '0' });
    expect(uses.stock_ledger).toMatchObject({ seq_scan: '0' });
    expect(Number(uses.claims?.idx_scan)).toBeGreaterThan(0);
    // Reading a coupon fetches its first 1,000 holders, here 3 times in 8 turns of 2 rounds; whatever walks all claims
    // of the coupon fetches `claimsInAll` more each time.
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
    const sizes = { coupons: 20, rows: 50 };
    const reader = postgresStockCheckReader(connections, sizes);
    const parts = range(8);
    const readPages = async () => {
      for (const part of parts) {
        // In a hot coupon with nine rows in ten, and in the many small ones after it.
        const unknown = { batchId: null, carried: null };
        for (const cursor of [
          { couponId: '1', seq: part * 24_000, ...unknown },
          { couponId: String(1 + part * 1000), seq: 0, ...unknown },
        ]) {
          await reader.checkClaims(cursor);
          await reader.checkLedger(cursor);
        }
        // The first time the hot one too.
        await reader.checkCoupons(String(part * 1000));
      }
    };
    if (!isFull) await readPages();
    await fillWithDifferences(database);
    if (isFull) await database.query('analyze');
    await readPages();
    await connections.close();

    const uses = await usesOf(database);
    // Each time and part: two pages of claims and two of the ledger, with a coupon for each row of the ledger and ten names,
    // and one page of coupons, each compared with a ledger row and with the claims.
    const rowsMax =
      2 * parts.length * (2 * 2 * sizes.rows + 2 * sizes.rows + 4 * sizes.coupons + 5 * 10);
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

it.each(statisticsOf)(
  'lists walk at most their limit of coupons, planned on %s tables',
  async (_, isFull) => {
    const database = await createTestDatabase();
    const walkMax = 500;
    const stores = openStores(database.url, { claimConnections: 1, queryConnections: 1 });
    const middle = isFull ? '5000' : '1';
    const readPages = async () => {
      const list = { ...allCoupons, walkMax, limit: 10, cursor: middle };
      for (const order of ['oldest', 'newest'] as const) {
        await stores.coupons.listCoupons({ ...list, order });
        // Nothing matches, so the page walks to its limit.
        await stores.coupons.listCoupons({ ...list, order, namePrefix: 'none' });
        await stores.coupons.listCoupons({ ...list, order, archived: true });
        await stores.coupons.listCoupons({ ...list, order, state: 'paused' });
      }
      await stores.reader.listUserClaims({ userId: 'no user', limit: 10, walkMax, cursor: middle });
      await stores.reader.listUserClaims({ ...ofAda, userId: 'user-1', walkMax, cursor: '0' });
    };
    // After five executions a prepared statement may get a generic plan.
    const rounds = 7;
    if (!isFull) for (const _round of range(rounds)) await readPages();
    await fillWithDifferences(database);
    if (isFull) await database.query('analyze');
    for (const _round of range(rounds)) await readPages();
    await stores.close();

    const uses = await usesOf(database);
    for (const table of ['coupons', 'claims']) {
      expect(uses[table]).toMatchObject({ seq_scan: '0' });
    }
    // A page that finds too little walks twice: for the rows, and for the end of the walk.
    const pages = rounds * 2 * 10;
    expect(Number(uses.coupons?.idx_tup_fetch)).toBeLessThan(pages * 2 * walkMax);
    // The hot coupon has 90,000 claims; a look-up by the primary key fetches one at most.
    expect(Number(uses.claims?.idx_tup_fetch)).toBeLessThan(pages * walkMax);
    expect(Number(uses.claims?.idx_scan)).toBeGreaterThan(rounds * walkMax);
    await database.drop();
  },
  240_000,
);

it.each(statisticsOf)(
  'claims in some states are read along the indexes, planned on %s tables',
  async (_, isFull) => {
    const database = await createTestDatabase();
    const stores = openStores(database.url, { claimConnections: 1, queryConnections: 1 });
    const rounds = 7;
    const readPages = async () => {
      for (const _round of range(rounds)) {
        const list = { couponName: 'coupon-1', afterPosition: 60_000, limit: 10 };
        for (const state of claimStates) {
          await stores.reader.listClaims({ ...list, states: [state] });
          await stores.reader.listUserClaims({ ...ofAda, states: [state], cursor: undefined });
        }
        await stores.reader.listClaims({ ...list, states: claimStates });
        await stores.reader.listClaims({ ...list, claimId: newId() });
        await stores.reader.listClaims({ ...list, states: claimStates, position: 70_000 });
        await stores.reader.findClaim('coupon-1', 'user-1');
      }
    };
    if (!isFull) await readPages();
    await fillWithDifferences(database);
    if (isFull) await database.query('analyze');
    await readPages();
    await stores.close();

    const uses = await usesOf(database);
    for (const table of ['claims', 'released_claims', 'redemptions']) {
      expect(uses[table], table).toMatchObject({ seq_scan: '0' });
      expect(Number(uses[table]?.idx_scan), table).toBeGreaterThan(0);
    }
    // Every claim here is redeemed, and half of the positions have one. So in one round the lists of reserved and confirmed
    // claims look at 10,000 each, that of the id at 50,000 and at as many released ones, and each confirmed one costs a
    // look-up.
    expect(Number(uses.claims?.idx_tup_fetch)).toBeLessThan(2 * rounds * 75_000);
    expect(Number(uses.redemptions?.idx_tup_fetch)).toBeLessThan(2 * rounds * 11_000);
    expect(Number(uses.released_claims?.idx_tup_fetch)).toBeLessThan(2 * rounds * 51_000);
    await database.drop();
  },
  240_000,
);

it.each(statisticsOf)(
  'the saga of a claim is looked up by its key, for coupons with a saga only, planned on %s tables',
  async (_, isFull) => {
    const database = await createTestDatabase();
    const stores = openStores(database.url, { claimConnections: 1, queryConnections: 1 });
    const [rounds, limit] = [7, 20];
    const readPages = async () => {
      for (const _round of range(rounds)) {
        const list = { couponName: 'coupon-1', afterPosition: 60_000, limit };
        await stores.reader.listClaims(list);
        await stores.reader.listClaims({ ...list, states: claimStates });
        await stores.reader.listUserClaims({ ...ofAda, userId: 'user-1', cursor: undefined });
        await stores.reader.findClaim('coupon-1', 'user-1');
      }
    };
    if (!isFull) await readPages();
    await fillWithDifferences(database);
    await database.query(`alter table sagas set (autovacuum_enabled = false)`);
    await database.query(
      `insert into sagas
         (saga_id, coupon_id, position, claim_id, user_id, name, due_at, shard, started_at, deadline_at)
       select saga_id_of(claim_id), coupon_id, position, claim_id, user_id, 'checkout', now(), 0, now(), now()
       from claims`,
    );
    if (isFull) await database.query('analyze');
    await readPages();
    await database.query(`update coupons set hold_seconds = 60, saga = 'checkout' where id = 1`);
    await readPages();
    await stores.close();

    const { sagas: use } = await usesOf(database);
    expect(use).toMatchObject({ seq_scan: '0' });
    // While the coupon has its saga: a look-up for each claim of a page, for each live one of a page of which half are
    // released, and for both reads of the user.
    const lookedUp = Number(use?.idx_scan);
    expect(lookedUp).toBeGreaterThan(rounds * limit);
    expect(lookedUp).toBeLessThanOrEqual(rounds * ((limit + 1) * 1.5 + 3));
    expect(Number(use?.idx_tup_fetch)).toBe(lookedUp);
    await database.drop();
  },
  240_000,
);

it.each(statisticsOf)(
  'the operator log is read page by page along its key, planned on a table that is %s',
  async (_, isFull) => {
    const database = await createTestDatabase();
    await database.query('alter table operator_log set (autovacuum_enabled = false)');
    const { forBatches, forQueries } = openPools({
      ...{ url: database.url, schema, claimConnections: 1, queryConnections: 1 },
      ...{ connectTimeoutMs: 20_000, lockTimeoutMs: 20_000, statementTimeoutMs: 60_000 },
      ...{ claimTimeoutMs: 60_000, onIdleConnectionLost: () => undefined },
    });
    const readLog = postgresOperatorLog(forQueries);
    const rounds = 7;
    const readPages = async () => {
      for (const _round of range(rounds)) {
        const first = await readLog({ before: undefined, limit: 10 });
        if (first.next !== undefined) await readLog({ before: first.next, limit: 10 });
      }
    };
    if (!isFull) await readPages();
    await database.query(
      `insert into operator_log (at, actor, action, coupon_name, after)
       select now() - n * interval '1 second', 'cli', 'create_coupon', 'coupon', '{}'
       from generate_series(1, 50000) n`,
    );
    if (isFull) await database.query('analyze');
    await readPages();
    await Promise.all([forBatches.close(), forQueries.close()]);

    const { operator_log: use } = await usesOf(database);
    expect(use).toMatchObject({ seq_scan: '0' });
    expect(Number(use?.idx_tup_fetch)).toBeGreaterThan(0);
    expect(Number(use?.idx_tup_fetch)).toBeLessThan(rounds * 2 * 2 * 11);
    await database.drop();
  },
  240_000,
);
