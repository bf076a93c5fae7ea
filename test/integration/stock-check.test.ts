// SPDX-License-Identifier: GPL-3.0-or-later
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Database } from '../../src/adapters/postgres/database.ts';
import { postgresStockCheckReader } from '../../src/adapters/postgres/stock-check-reader.ts';
import type { App } from '../../src/app.ts';
import type { RowCursor } from '../../src/core/stock-check.ts';
import { startService } from '../support/service.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

let database: TestDatabase;
let connections: Database;
let app: App;

beforeAll(async () => {
  database = await createTestDatabase();
  app = await startService({ DATABASE_URL: database.url, STOCK_CHECK_INTERVAL_MS: '20' });
  connections = new Database({
    ...{ url: database.url, connectionsMax: 1, connectTimeoutMs: 2000, lockTimeoutMs: 1000 },
    ...{ statementTimeoutMs: 5000, answerTimeoutMs: 5000, onIdleConnectionLost: () => undefined },
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

/** The sum of a whole round in pages so small that every comparison also meets the edge of one. */
async function round(): Promise<{ difference: number; amount: number; remaining: number }> {
  const reader = postgresStockCheckReader(connections, { coupons: 2, rows: 3 });
  const sum = { difference: 0, amount: 0, remaining: 0 };
  for (let after: string | undefined = '0'; after !== undefined; ) {
    const page = await reader.checkCoupons(after);
    sum.difference += page.difference;
    sum.amount += page.amount;
    sum.remaining += page.remaining;
    after = page.next;
  }
  for (const check of [reader.checkClaims, reader.checkLedger]) {
    for (let at: RowCursor | undefined = { couponId: '0', number: 0 }; at !== undefined; ) {
      const page: { next: RowCursor | undefined; difference: number } = await check(at);
      sum.difference += page.difference;
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
          await call('/api/coupons/a/stock', { units: 1 });
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
    expect(await metric('firstcome_stock_difference_units')).toBe(0);
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
    expect((await round()).difference).toBeGreaterThan(0);
    await waitFor('a difference in the metrics', async () => {
      return ((await metric('firstcome_stock_difference_units')) ?? 0) > 0;
    });
  });

  it('the stock is one too many', async () => {
    undo.push(`update coupons set remaining_amount = remaining_amount - 1 where name = 'OFF'`);
    await database.query(
      `update coupons set remaining_amount = remaining_amount + 1 where name = 'OFF'`,
    );
    expect((await round()).difference).toBe(2);
  });

  it('a row of the ledger tells other units', async () => {
    undo.push(`update stock_ledger set units = units - 1 where ${ofCoupon} and seq = 3`);
    await database.query(`update stock_ledger set units = units + 1 where ${ofCoupon} and seq = 3`);
    expect((await round()).difference).toBe(1);
  });

  it.each([1, 3, 5])('row %i of the ledger is gone', async (seq) => {
    await database.query(`create table kept as select * from stock_ledger where ${ofCoupon}`);
    undo.push(
      'insert into stock_ledger select * from kept on conflict do nothing',
      'drop table kept',
    );
    await database.query(`delete from stock_ledger where ${ofCoupon} and seq = ${seq}`);
    expect((await round()).difference).toBeGreaterThan(0);
  });
});
