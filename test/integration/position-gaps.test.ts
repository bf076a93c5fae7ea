// SPDX-License-Identifier: GPL-3.0-or-later
/** Coupons whose live claims have positions with gaps that exceed the amount, after releases. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Database } from '../../src/adapters/postgres/database.ts';
import { postgresStockCheckReader } from '../../src/adapters/postgres/stock-check-reader.ts';
import { newId } from '../../src/adapters/system/ids.ts';
import type { App } from '../../src/app.ts';
import type { GivenPosition } from '../../src/core/stock/ports.ts';
import { auditRecords } from '../support/audit.ts';
import { range } from '../support/crowd.ts';
import { plantCoupon } from '../support/planted-claims.ts';
import { patience, startService } from '../support/service.ts';
import { checkAll } from '../support/stock-check-round.ts';
import { openStores, type Stores } from '../support/stores.ts';
import { createTestDatabase, schema, type TestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

// 40 runs of 30 claims, with 70 released claims between each two.
const runs = range(40).map((run) => ({ first: run * 100 + 1, units: 30 }));
const claims = 1_200;

let database: TestDatabase;
let stores: Stores;
let connections: Database;
let app: App;
/** The positions of SOLD-OUT, and of ON-SALE, which has five more units. */
let positions: number[];

beforeAll(async () => {
  database = await createTestDatabase();
  stores = openStores(database.url);
  positions = await plantCoupon(database.query, { name: 'SOLD-OUT', amount: claims, runs });
  await plantCoupon(database.query, { name: 'ON-SALE', amount: claims + 5, runs });
  app = await startService({ ...patience, DATABASE_URL: database.url });
  connections = new Database({
    ...{ url: database.url, schema, connectionsMax: 1, connectTimeoutMs: 20_000 },
    ...{ lockTimeoutMs: 20_000, statementTimeoutMs: 20_000, answerTimeoutMs: 20_000 },
    ...{ onIdleConnectionLost: () => undefined },
  });
});

afterAll(async () => {
  await connections.close();
  await app.stop();
  await stores.close();
  await database.drop();
});

const users = (of: readonly number[]) => of.map((position) => `user-${position}`);

/** The members of an answer that the tests compare. */
type Body = { code?: string; claimed_by?: string[]; claim?: { position: number } };

async function call(path: string, { method = 'POST', body }: { method?: string; body: object }) {
  const response = await fetch(`${app.url}${path}`, { method, body: JSON.stringify(body) });
  return (await response.json()) as Body;
}

const read = async (path: string) => (await fetch(`${app.url}${path}`)).text();

const claim = (couponName: string, userId: string) =>
  call('/api/coupons/claim', { body: { coupon_name: couponName, user_id: userId } });

describe('a coupon whose positions have gaps', () => {
  it('shows its first thousand holders in each answer with holders, whatever gaps there are', async () => {
    const first = users(positions.slice(0, 1000));
    const path = '/api/coupons/ON-SALE';
    const coupon = JSON.parse(await read(path));
    expect(coupon).toMatchObject({ amount: claims + 5, remaining_amount: 5, claimed_by: first });
    const changed = await call(path, { method: 'PATCH', body: { paused: false } });
    expect(changed.claimed_by).toEqual(first);
    expect((await call(`${path}/stock`, { body: { add: 1 } })).claimed_by).toEqual(first);
  });

  it('lists each claim once in pages along positions with gaps', async () => {
    const listed: number[] = [];
    let afterPosition = 0;
    for (let more = true; more; ) {
      const page = await stores.reader.listClaims({
        ...{ couponName: 'SOLD-OUT', afterPosition, limit: 77 },
      });
      if (page === 'coupon_not_found') throw new Error(page);
      expect(page.claims.length).toBe(page.more ? 77 : claims % 77);
      listed.push(...page.claims.map(({ position }) => position));
      afterPosition = listed.at(-1) ?? 0;
      more = page.more;
    }
    expect(listed).toEqual(positions);
  });

  it('exports each claim once along positions with gaps', async () => {
    const response = await fetch(`${app.url}/api/coupons/SOLD-OUT/claims`, {
      headers: { Accept: 'text/csv' },
    });
    const lines = (await response.text()).trim().split('\n').slice(1);
    expect(lines).toHaveLength(claims);
    for (const [index, line] of lines.entries())
      expect(line).toContain(`user-${positions[index]},`);
  });

  it('has each holder read once for the sold-out cache, along positions with gaps', async () => {
    const holders: string[] = [];
    let after: GivenPosition | undefined;
    do {
      const page = await stores.soldOut.listHolders({ couponName: 'SOLD-OUT', after, limit: 77 });
      if (page === 'unknown_claim') throw new Error(page);
      holders.push(...page.userIds);
      after = page.last;
    } while (after !== undefined);
    expect(holders).toEqual(users(positions));
  });

  it('is loaded into the sold-out cache with all its holders, whatever gaps there are', async () => {
    const batches = async () => {
      return Number(/^firstcome_claim_batch_size_count (\d+)$/m.exec(await read('/metrics'))?.[1]);
    };
    await waitFor('refusal without a batch', async () => {
      const before = await batches();
      expect((await claim('SOLD-OUT', 'stranger')).code).toBe('sold_out');
      return (await batches()) === before;
    });
    for (const position of [1, 2015, 3930]) {
      const answer = await claim('SOLD-OUT', `user-${position}`);
      expect(answer).toMatchObject({ code: 'already_claimed', claim: { position } });
    }
  });

  it('is consistent for the stock check and for each rule', async () => {
    expect(await auditRecords(database.query)).toEqual([]);
    for (const rows of [3, 7, 100, 2000]) {
      const reader = postgresStockCheckReader(connections, { coupons: 2, rows });
      expect(await checkAll(reader)).toMatchObject({ difference: 0, named: [] });
    }
  });
});

describe('the stock check of positions with gaps', () => {
  const inCoupon = `coupon_id = (select id from coupons where name = 'SOLD-OUT')`;
  const insertAt = (position: number) =>
    `insert into claims (coupon_id, user_id, position, claim_id, claimed_at)
     select id, 'planted', ${position}, '${newId()}', now() from coupons where name = 'SOLD-OUT'`;

  it.each([
    ['a claim above the last position that was handed out', insertAt(3931)],
    ['a claim at the position of a released one', insertAt(150)],
    ['a claim at a released position between the last two runs', insertAt(3850)],
    ['a missing claim', `delete from claims where ${inCoupon} and position = 115`],
    [
      'a claim that moved to a released position',
      `update claims set position = 150 where ${inCoupon} and position = 115`,
    ],
    [
      'a position that two ledger rows name',
      `update stock_ledger set first_position = first_position - 1 where ${inCoupon} and seq = 8`,
    ],
    [
      'a missing released claim',
      `delete from released_claims where ${inCoupon} and position = 150`,
    ],
    ...['now()', `now() - interval '1 hour'`].map((time): [string, string] => [
      `a claim released at ${time} without a ledger row`,
      `with gone as (delete from claims where ${inCoupon} and position = 115 returning *)
       insert into released_claims
         (coupon_id, user_id, position, claim_id, claimed_at, released_at, is_final)
       select coupon_id, user_id, position, claim_id, claimed_at, ${time}, false from gone`,
    ]),
    [
      'a released claim above the last position that was handed out',
      `insert into released_claims
         (coupon_id, user_id, position, claim_id, claimed_at, released_at, is_final)
       select id, 'planted', 3931, gen_random_uuid(), now(), now(), false
       from coupons where name = 'SOLD-OUT'`,
    ],
    [
      'a release at another time than that of its ledger row',
      `update released_claims set released_at = now() where ${inCoupon} and position = 150`,
    ],
    [
      'a ledger row that returns a unit without a release',
      `update stock_ledger set changes[1] = 'C' where ${inCoupon} and seq = 9`,
    ],
    [
      'a number of returned units that differs',
      `update coupons set returned_units = returned_units + 1 where name = 'SOLD-OUT'`,
    ],
    ['a stock that differs', `update coupons set remaining_amount = 1 where name = 'SOLD-OUT'`],
    ['an amount that differs', `update coupons set amount = amount + 1 where name = 'SOLD-OUT'`],
  ])('finds %s, where positions have gaps', async (_, sql) => {
    for (const table of ['coupons', 'claims', 'released_claims', 'stock_ledger']) {
      await database.query(`create table kept_${table} as select * from ${table}`);
    }
    await database.query(sql);
    for (const rows of [3, 100, 2000]) {
      const reader = postgresStockCheckReader(connections, { coupons: 2, rows });
      const { difference, named } = await checkAll(reader);
      expect(difference).toBeGreaterThan(0);
      expect(new Set(named)).toEqual(new Set(['SOLD-OUT']));
    }
    expect(await auditRecords(database.query)).not.toEqual([]);
    await database.query(
      `delete from claims; delete from released_claims; delete from stock_ledger;
       insert into claims select * from kept_claims;
       insert into released_claims select * from kept_released_claims;
       insert into stock_ledger select * from kept_stock_ledger;
       update coupons c set amount = k.amount, remaining_amount = k.remaining_amount,
         returned_units = k.returned_units
       from kept_coupons k where k.id = c.id;
       drop table kept_claims, kept_released_claims, kept_stock_ledger, kept_coupons`,
    );
  });
});

describe('the stock check across a failover that loses ledger rows', () => {
  it('reports no difference for a row that has replaced a lost one', async () => {
    await stores.createCoupon('FAILOVER', 100);
    const reader = postgresStockCheckReader(connections, { coupons: 2, rows: 3 });
    for (const user of ['ada', 'bob', 'eve']) await stores.decide('FAILOVER', [user]);
    const [{ id } = { id: '' }] = await database.query<{ id: string }>(
      `select id from coupons where name = 'FAILOVER'`,
    );
    const [last] = await database.query<{ batch_id: string }>(
      'select batch_id from stock_ledger where coupon_id = $1 and seq = 4',
      [id],
    );
    // A page has ended at a row with seq 4 that the new primary does not have.
    const lost = { couponId: id, seq: 4, batchId: newId() };
    const found = (position: number, surplus: number) =>
      JSON.stringify({ position, surplus, until: '2026-01-01T00:00:00Z' });
    expect(await reader.checkClaims({ ...lost, carried: found(50, 1) })).toMatchObject({
      difference: 0,
    });
    expect(await reader.checkLedger({ ...lost, carried: '90' })).toMatchObject({ difference: 0 });
    // The same row is compared with what the pages before it have found.
    const same = { ...lost, batchId: last?.batch_id ?? '' };
    expect(await reader.checkLedger({ ...same, carried: '90' })).toMatchObject({ difference: 10 });
    expect(await reader.checkLedger({ ...same, carried: '100' })).toMatchObject({ difference: 0 });
    expect(await reader.checkClaims({ ...same, carried: found(3, 1) })).toMatchObject({
      difference: 1,
    });
    expect(await reader.checkClaims({ ...same, carried: found(3, 0) })).toMatchObject({
      difference: 0,
    });
  });
});
