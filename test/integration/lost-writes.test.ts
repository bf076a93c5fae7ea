// SPDX-License-Identifier: GPL-3.0-or-later
/** Creations, changes and additions of stock whose answers are lost with their connections. */
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { App } from '../../src/app.ts';
import { createFirstcome } from '../../src/library.ts';
import { Crowd } from '../support/crowd.ts';
import { type Cut, FaultProxy } from '../support/fault-proxy.ts';
import { openPool } from '../support/open-pool.ts';
import { startService } from '../support/service.ts';
import { createTestDatabase, schema, type TestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

let database: TestDatabase;
let proxy: FaultProxy;
let app: App;
let crowd: Crowd;

beforeEach(async () => {
  database = await createTestDatabase();
  proxy = await FaultProxy.before(database.url);
  app = await startService({
    DATABASE_URL: proxy.urlOf(database.url),
    // Only ends a write that is never answered.
    CLAIM_TIMEOUT_MS: '60000',
    DATABASE_STATEMENT_TIMEOUT_MS: '60000',
  });
  crowd = new Crowd();
});

afterEach(async () => {
  crowd.close();
  await app.stop();
  await proxy.stop();
  await database.drop();
});

const create = (name: string, amount = 10) =>
  crowd.send(app.url, { method: 'POST', path: '/api/coupons', body: { name, amount } });
const add = (units: number, headers: Record<string, string> = {}) =>
  crowd.send(app.url, {
    ...{ method: 'POST', path: '/api/coupons/SALE/stock', body: { add: units }, headers },
  });
const change = (body: object) =>
  crowd.send(app.url, { method: 'PATCH', path: '/api/coupons/SALE', body });
const pause = () => change({ paused: true });
const resume = () => change({ paused: false });
const loggedActions = async () =>
  (await database.query<{ action: string }>('select action from operator_log order by at')).map(
    ({ action }) => action,
  );

/** Cuts the connection of the statement, as often as given. */
function cutAt(statement: string, cut: Cut, times: number): void {
  proxy.cutWhen = (piece) =>
    piece.includes(`firstcome ${statement}`) && proxy.cuts[cut] < times ? cut : undefined;
}

/** Cuts the connections of the first attempts to send the statement, each in its way. */
function cutInOrder(statement: string, order: readonly Cut[]): void {
  const left = [...order];
  proxy.cutWhen = (piece) => (piece.includes(`firstcome ${statement}`) ? left.shift() : undefined);
}

const cuts: Cut[] = ['before', 'behind', 'before_reply'];

describe.each(cuts)('a connection that is cut %s', (cut) => {
  it('creates a coupon once, and says so', async () => {
    cutAt('create-coupon', cut, 2);
    const created = await create('SALE');
    expect(proxy.cuts[cut]).toBe(2);
    expect(created).toMatchObject({ status: 201, body: { name: 'SALE', remaining_amount: 10 } });
    expect(await loggedActions()).toEqual(['create_coupon']);
  });

  it('refuses a coupon that another request has created', async () => {
    await create('SALE');
    cutAt('create-coupon', cut, 1);
    expect(await create('SALE', 20)).toMatchObject({
      status: 409,
      body: { code: 'coupon_exists', effect: 'none' },
    });
    expect(proxy.cuts[cut]).toBe(1);
  });

  it.each([{}, { 'idempotency-key': 'one addition' }])(
    'adds stock once, with the headers %j',
    async (headers) => {
      await create('SALE');
      cutAt('add-stock', cut, 2);
      expect(await add(5, headers)).toMatchObject({ status: 200, body: { amount: 15 } });
      expect(proxy.cuts[cut]).toBe(2);
      expect(await loggedActions()).toEqual(['create_coupon', 'add_stock']);
    },
  );

  it('does not say of an addition without a key that an earlier request has made it', async () => {
    await create('SALE');
    cutAt('add-stock', cut, 1);
    expect((await add(5)).headers).not.toHaveProperty('idempotency-replayed');
    expect(proxy.cuts[cut]).toBe(1);
  });

  it('makes a change once', async () => {
    await create('SALE');
    cutAt('change-coupon', cut, 1);
    expect(await pause()).toMatchObject({ status: 200, body: { paused: true } });
    expect(proxy.cuts[cut]).toBe(1);
    expect(await loggedActions()).toEqual(['create_coupon', 'change_coupon']);
  });
});

it.each<[string, Cut[]]>([
  ['the first attempt', ['behind']],
  ['a repeat', ['before', 'behind']],
])('does not send a change again while the session of %s may still make it', async (_, order) => {
  await create('SALE');
  const holder = new pg.Client({
    connectionString: database.url,
    options: `-c search_path=${schema}`,
  });
  await holder.connect();
  await holder.query('begin');
  await holder.query("select from coupons where name = 'SALE' for update");
  let isAnswered = false;
  cutInOrder('change-coupon', order);
  const pausing = pause().finally(() => {
    isAnswered = true;
  });
  const sessions = () =>
    database.query(
      `select from pg_stat_activity where wait_event_type = 'Lock' and query like '%change_coupon%'`,
    );
  await waitFor('the lost change', async () => (await sessions()).length >= 1);
  let searches = 0;
  proxy.cutWhen = (piece) => {
    if (piece.includes('firstcome find-session')) searches += 1;
    return undefined;
  };
  await waitFor('searches for its session', async () => {
    return searches >= 3 || (await sessions()).length > 1;
  });
  expect(await sessions()).toHaveLength(1);
  expect(isAnswered).toBe(false);
  await holder.query('commit');
  await holder.end();
  expect(await pausing).toMatchObject({ status: 200, body: { paused: true } });
  expect(await loggedActions()).toEqual(['create_coupon', 'change_coupon']);
});

it('does not make a change again that somebody has undone since', async () => {
  await create('SALE');
  const changeCuts: Cut[] = ['before_reply'];
  let isUndone = false;
  proxy.cutWhen = (piece) => {
    if (piece.includes('firstcome change-coupon')) return changeCuts.shift();
    return piece.includes('firstcome find-session') && !isUndone ? 'before' : undefined;
  };
  const pausing = pause();
  await waitFor('the pause', async () => (await loggedActions()).length >= 2);
  expect(await resume()).toMatchObject({ status: 200, body: { paused: false } });
  isUndone = true;
  expect(await pausing).toMatchObject({ status: 200, body: { paused: false } });
  expect(await loggedActions()).toEqual(['create_coupon', 'change_coupon', 'change_coupon']);
});

it('leaves a change through the library unknown, whose log entry has no id of a request', async () => {
  await create('SALE');
  const pool = openPool({ connectionString: proxy.urlOf(database.url) });
  const engine = await createFirstcome({ pool, schema });
  try {
    cutAt('change-coupon', 'before_reply', 1);
    await expect(engine.changeCoupon('SALE', { paused: true })).rejects.toMatchObject({
      code: 'outcome_unknown',
    });
    expect(await loggedActions()).toEqual(['create_coupon', 'change_coupon']);
  } finally {
    await engine.stop();
    await pool.end();
  }
});

it('answers a change that is not allowed, although its connection was cut', async () => {
  const body = { name: 'SALE', amount: 10, opens_at: '2040-01-02T00:00:00Z' };
  await crowd.send(app.url, { method: 'POST', path: '/api/coupons', body });
  cutAt('change-coupon', 'before', 1);
  expect(await change({ closes_at: '2040-01-01T00:00:00Z' })).toMatchObject({
    status: 400,
    body: { code: 'invalid_request' },
  });
  expect(proxy.cuts.before).toBe(1);
});

it('leaves an addition unknown whose repeat a rule refuses: the first attempt may be stored', async () => {
  await create('SALE');
  await database.query(`
    create function refuse() returns trigger language plpgsql as $$ begin raise 'no'; end $$;
    create trigger refuse before update on ${schema}.coupons for each row execute function refuse()`);
  let attempts = 0;
  proxy.cutWhen = (piece) => {
    if (!piece.includes('firstcome add-stock')) return undefined;
    attempts += 1;
    return attempts === 1 ? 'before' : undefined;
  };
  expect(await add(5)).toMatchObject({ status: 503, body: { code: 'outcome_unknown' } });
  expect(attempts).toBe(2);
});

it('leaves a creation unknown that is not answered in its time', async () => {
  await app.stop();
  app = await startService({ DATABASE_URL: proxy.urlOf(database.url), CLAIM_TIMEOUT_MS: '500' });
  cutAt('create-coupon', 'before_reply', Number.POSITIVE_INFINITY);
  const answer = await create('SALE');
  expect(answer).toMatchObject({ status: 503, body: { code: 'outcome_unknown' } });
  await waitFor('the coupon', async () => (await loggedActions()).length >= 1);
});
