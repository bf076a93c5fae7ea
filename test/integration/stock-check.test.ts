// SPDX-License-Identifier: GPL-3.0-or-later
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Database } from '../../src/adapters/postgres/database.ts';
import { postgresStockCheckReader } from '../../src/adapters/postgres/stock-check-reader.ts';
import type { App } from '../../src/app.ts';
import type { CheckedPage, RowCursor } from '../../src/core/stock/stock-check.ts';
import { patience, startService } from '../support/service.ts';
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

type Round = { difference: number; amount: number; remaining: number; named: string[] };

/** The sum of a whole round in pages so small that every comparison also meets the edge of one. */
async function round(): Promise<Round> {
  const reader = postgresStockCheckReader(connections, { coupons: 2, rows: 3 });
  const sum: Round = { difference: 0, amount: 0, remaining: 0, named: [] };
  const add = ({ difference, differing }: CheckedPage<unknown>) => {
    sum.difference += difference;
    sum.named.push(...differing.map(({ coupon }) => coupon));
    // Here no page has more coupons than it names, so what it names is all that it counts.
    expect(differing.reduce((units, named) => units + named.units, 0)).toBe(difference);
  };
  for (let after: string | undefined = '0'; after !== undefined; ) {
    const page = await reader.checkCoupons(after);
    add(page);
    sum.amount += page.amount;
    sum.remaining += page.remaining;
    after = page.next;
  }
  for (const check of [reader.checkClaims, reader.checkLedger]) {
    for (let at: RowCursor | undefined = { couponId: '0', number: 0 }; at !== undefined; ) {
      const page: CheckedPage<RowCursor> = await check(at);
      add(page);
      at = page.next;
    }
  }
  return sum;
}

async function metric(name: string): Promise<number | undefined> {
  const text = await (await fetch(`${app.url}/metrics`)).text();
  const value = new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1];
  return value === undefined ? undefined : Number(value);
}

describe('where all agrees', () => {
  it('finds no difference while claims and added stock go on', async () => {
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

describe('where something is off', () => {
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
    // What the service found here must not be taken for what it finds in the next test.
    await waitFor('end of the difference in the metrics', async () => {
      return (await metric('firstcome_stock_difference_units')) === 0;
    });
  });

  const ofCoupon = `coupon_id = (select id from coupons where name = 'OFF')`;

  it.each([
    ['a claim in the middle is gone', `position = 4`],
    ['the first claim is gone', `position = 1`],
    ['the last claim is gone', `position = 8`],
    ['all claims are gone', `position > 0`],
  ])('%s', async (_, where) => {
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

  it('the stock is one too many', async () => {
    undo.push(`update coupons set remaining_amount = remaining_amount - 1 where name = 'OFF'`);
    await database.query(
      `update coupons set remaining_amount = remaining_amount + 1 where name = 'OFF'`,
    );
    expect(await round()).toMatchObject({ difference: 2, named: ['OFF'] });
  });

  it('a row of the ledger tells other units', async () => {
    undo.push(`update stock_ledger set units = units - 1 where ${ofCoupon} and seq = 3`);
    await database.query(`update stock_ledger set units = units + 1 where ${ofCoupon} and seq = 3`);
    expect(await round()).toMatchObject({ difference: 1, named: ['OFF'] });
  });

  it.each([1, 3, 5])('row %i of the ledger is gone', async (seq) => {
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

  it('a coupon is gone that has claims and a ledger', async () => {
    // Claims from position 2 on and a ledger from seq 2 on, of a coupon that nobody knows.
    undo.push('delete from claims where coupon_id = 4711');
    undo.push('delete from stock_ledger where coupon_id = 4711');
    await database.query(`
      insert into claims (coupon_id, user_id, position, claim_id, claimed_at)
      values (4711, 'ada', 2, gen_random_uuid(), now())`);
    await database.query(`
      insert into stock_ledger (coupon_id, seq, batch_id, kind, units, remaining_after, recorded_at)
      values (4711, 2, gen_random_uuid(), 'stock_added', 1, 1, now())`);
    expect(await round()).toMatchObject({ difference: 2, named: ['#4711', '#4711'] });
  });

  it('so many coupons that a page names the first ten', async () => {
    const names = Array.from({ length: 12 }, (_, index) => `MANY-${index}`);
    for (const name of names) await call('/api/coupons', { name, amount: 3 });
    const many = `name like 'MANY-%'`;
    undo.push(`update coupons set remaining_amount = remaining_amount + 1 where ${many}`);
    await database.query(
      `update coupons set remaining_amount = remaining_amount - 1 where ${many}`,
    );
    const { difference, differing } = await postgresStockCheckReader(connections).checkCoupons('0');
    expect(difference).toBe(24);
    expect(differing).toEqual(names.slice(0, 10).map((coupon) => ({ coupon, units: 2 })));
  });
});
