// SPDX-License-Identifier: GPL-3.0-or-later
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Database } from '../../src/adapters/postgres/database.ts';
import { postgresStockCheckReader } from '../../src/adapters/postgres/stock-check-reader.ts';
import type { App } from '../../src/app.ts';
import { patience, startService } from '../support/service.ts';
import { checkAll } from '../support/stock-check-round.ts';
import { createTestDatabase, schema, type TestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

let database: TestDatabase;
let connections: Database;
let app: App;

beforeAll(async () => {
  database = await createTestDatabase();
  app = await startService({
    ...patience,
    DATABASE_URL: database.url,
    STOCK_CHECK_INTERVAL_MS: '20',
  });
  connections = new Database({
    ...{ url: database.url, schema, connectionsMax: 1, connectTimeoutMs: 20_000 },
    ...{ lockTimeoutMs: 20_000, statementTimeoutMs: 20_000, answerTimeoutMs: 20_000 },
    ...{ onIdleConnectionLost: () => undefined },
  });
});

afterAll(async () => {
  await connections.close();
  await app.stop();
  await database.drop();
});

const call = (path: string, body: unknown) =>
  fetch(`${app.url}${path}`, {
    ...{ method: 'POST', body: JSON.stringify(body) },
    headers: { 'Content-Type': 'application/json' },
  });
const claim = (user_id: string, coupon_name: string) =>
  call('/api/coupons/claim', { user_id, coupon_name });

/** A complete round in pages so small that every comparison also crosses the edge of one. */
const round = () => checkAll(postgresStockCheckReader(connections, { coupons: 2, rows: 3 }));

async function metric(name: string): Promise<number | undefined> {
  const text = await (await fetch(`${app.url}/metrics`)).text();
  const value = new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1];
  return value === undefined ? undefined : Number(value);
}

describe('the stock check of consistent records', () => {
  it('finds no difference while users claim and stock is added', async () => {
    for (const name of ['a', 'b', 'c']) await call('/api/coupons', { name, amount: 40 });
    let isOver = false;
    const crowd = (async () => {
      for (let user = 0; user < 60; user += 1) {
        await Promise.all(['a', 'b', 'c'].map((name) => claim(`user-${user}`, name)));
        if (user % 10 === 0) {
          expect((await call('/api/coupons/a/stock', { add: 1 })).status).toBe(200);
        }
      }
      isOver = true;
    })();
    let rounds = 0;
    while (!isOver || rounds === 0) {
      expect((await round()).difference).toBe(0);
      rounds += 1;
    }
    await crowd;
    const difference = () => metric('firstcome_stock_difference_units');
    await waitFor('whole round of the service', async () => (await difference()) !== undefined);
    expect(await difference()).toBe(0);
    const { amount, remaining } = await round();
    const [stored] = await database.query<{ amount: number; remaining: number }>(
      'select sum(amount)::integer as amount, sum(remaining_amount)::integer as remaining from coupons',
    );
    expect({ amount, remaining }).toEqual(stored);
    await waitFor('the units of all coupons in the metrics', async () => {
      return (await metric('firstcome_stock_units{kind="remaining"}')) === stored?.remaining;
    });
  });
});

describe('the units in the metrics', () => {
  const stored = async () => {
    const { amount, remaining } = await round();
    return { amount, remaining };
  };

  it('the units in the metrics leave out archived coupons, and the check still compares them', async () => {
    const before = await stored();
    await call('/api/coupons', { name: 'PAST', amount: 7 });
    await claim('user', 'PAST');
    expect(await stored()).toEqual({
      ...{ amount: before.amount + 7, remaining: before.remaining + 6 },
    });
    await database.query(`select change_coupon_3('PAST', '{"archived":true}', 'cli', null)`);
    expect(await stored()).toEqual(before);
    await database.query(`update coupons set remaining_amount = 5 where name = 'PAST'`);
    expect((await round()).difference).toBeGreaterThan(0);
    await database.query(`update coupons set remaining_amount = 6 where name = 'PAST'`);
  });
});

describe('the stock check of records that disagree', () => {
  const undo: string[] = [];

  beforeEach(async () => {
    const [row] = await database.query<{ is_there: boolean }>(
      `select exists (select from coupons where name = 'OFF') as is_there`,
    );
    if (row?.is_there) return;
    await call('/api/coupons', { name: 'OFF', amount: 20 });
    for (let user = 0; user < 8; user += 1) await claim(`user-${user}`, 'OFF');
  });

  afterEach(async () => {
    for (const sql of undo.splice(0)) await database.query(sql);
    expect((await round()).difference).toBe(0);
    // A difference of this test must not count in the next one.
    await waitFor('end of the difference in the metrics', async () => {
      return (await metric('firstcome_stock_difference_units')) === 0;
    });
  });

  const ofCoupon = `coupon_id = (select id from coupons where name = 'OFF')`;

  it.each([
    ['a claim in the middle', `position = 4`],
    ['the first claim', `position = 1`],
    ['the last claim', `position = 8`],
    ['all claims', `position > 0`],
  ])('names the coupon that lacks %s', async (_, where) => {
    await database.query('create table kept as select * from claims');
    undo.push('insert into claims select * from kept on conflict do nothing', 'drop table kept');
    await database.query(`delete from claims where ${ofCoupon} and ${where}`);
    const { difference, named } = await round();
    expect(difference).toBeGreaterThan(0);
    expect(new Set(named)).toEqual(new Set(['OFF']));
    await waitFor('a difference in the metrics', async () => {
      return ((await metric('firstcome_stock_difference_units')) ?? 0) > 0;
    });
  });

  it('names the coupon with a released claim whose release no ledger row names', async () => {
    const columns = 'coupon_id, user_id, position, claim_id, claimed_at';
    undo.push(
      `with gone as (delete from released_claims where ${ofCoupon} returning *)
       insert into claims (${columns}) select ${columns} from gone`,
    );
    await database.query(
      `with gone as (delete from claims where ${ofCoupon} and position = 4 returning *)
       insert into released_claims (${columns}, released_at, is_final)
       select ${columns}, now(), false from gone`,
    );
    expect(await round()).toMatchObject({ difference: 1, named: ['OFF'] });
  });

  it('finds a stock that is one unit too high', async () => {
    undo.push(`update coupons set remaining_amount = remaining_amount - 1 where name = 'OFF'`);
    await database.query(
      `update coupons set remaining_amount = remaining_amount + 1 where name = 'OFF'`,
    );
    expect(await round()).toMatchObject({ difference: 1, named: ['OFF'] });
  });

  it('finds a ledger row with one unit too many', async () => {
    undo.push(`update stock_ledger set units = units - 1 where ${ofCoupon} and seq = 3`);
    await database.query(`update stock_ledger set units = units + 1 where ${ofCoupon} and seq = 3`);
    // The row does not follow from the one before, and names a position of the next one.
    expect(await round()).toMatchObject({ difference: 2, named: ['OFF', 'OFF'] });
  });

  it.each([1, 3, 5])('names the coupon that lacks row %i of its ledger', async (seq) => {
    await database.query(`create table kept as select * from stock_ledger where ${ofCoupon}`);
    undo.push(
      'insert into stock_ledger select * from kept on conflict do nothing',
      'drop table kept',
    );
    await database.query(`delete from stock_ledger where ${ofCoupon} and seq = ${seq}`);
    const { difference, named } = await round();
    expect(difference).toBeGreaterThan(0);
    expect(new Set(named)).toEqual(new Set(['OFF']));
  });

  it('finds claims and a ledger that belong to no coupon', async () => {
    // A claim at position 2 and a ledger from seq 2 on, of a coupon that does not exist.
    undo.push('delete from claims where coupon_id = 4711');
    undo.push('delete from released_claims where coupon_id = 4712');
    undo.push('delete from stock_ledger where coupon_id = 4711');
    await database.query(`
      insert into claims (coupon_id, user_id, position, claim_id, claimed_at)
      values (4711, 'ada', 2, gen_random_uuid(), now())`);
    await database.query(`
      insert into released_claims
        (coupon_id, user_id, position, claim_id, claimed_at, released_at, is_final)
      values (4712, 'ada', 1, gen_random_uuid(), now(), now(), false)`);
    await database.query(`
      insert into stock_ledger (coupon_id, seq, batch_id, kind, units, remaining_after, recorded_at)
      values (4711, 2, gen_random_uuid(), 'stock_added', 1, 1, now())`);
    // No coupon, no position named, a row missing, units offered by no coupon; and a released claim of no coupon.
    const { difference, named } = await round();
    expect(difference).toBe(5);
    expect(new Set(named)).toEqual(new Set(['#4711', '#4712']));
  });

  it('names the first ten coupons of a page that differ', async () => {
    const names = Array.from({ length: 12 }, (_, index) => `MANY-${index}`);
    for (const name of names) await call('/api/coupons', { name, amount: 3 });
    const many = `name like 'MANY-%'`;
    undo.push(`update coupons set remaining_amount = remaining_amount + 1 where ${many}`);
    await database.query(
      `update coupons set remaining_amount = remaining_amount - 1 where ${many}`,
    );
    const { difference, differing } = await postgresStockCheckReader(connections).checkCoupons('0');
    expect(difference).toBe(12);
    expect(differing).toEqual(names.slice(0, 10).map((coupon) => ({ coupon, units: 1 })));
  });
});
