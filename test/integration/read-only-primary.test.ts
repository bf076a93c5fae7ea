// SPDX-License-Identifier: GPL-3.0-or-later
/** A service on a primary that is read-only, for example during maintenance: reads are correct, claims are refused. */
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { App } from '../../src/app.ts';
import { Crowd } from '../support/crowd.ts';
import { type OwnPostgres, startOwnPostgres } from '../support/own-postgres.ts';
import { startService } from '../support/service.ts';
import {
  allAnswer,
  answersOf,
  callsOf,
  type ServiceCalls,
  unavailable,
} from '../support/service-calls.ts';
import { waitFor } from '../support/wait-for.ts';

const coupon = 'LAUNCH';

let postgres: OwnPostgres;
let app: App;
let crowd: Crowd;
let calls: ServiceCalls;

beforeAll(async () => {
  postgres = await startOwnPostgres({});
});

beforeEach(async () => {
  app = await startService({ DATABASE_URL: postgres.url(), STOCK_CHECK_INTERVAL_MS: '0' });
  crowd = new Crowd();
  calls = callsOf(crowd, app.url);
});

afterEach(async () => {
  crowd.close();
  await app.stop();
});

afterAll(async () => {
  await postgres?.remove();
});

/** Runs a statement in a session that may write, whatever the default is. */
async function administer(sql: string): Promise<void> {
  const options = '-c default_transaction_read_only=off';
  const client = new pg.Client({ connectionString: postgres.url(), options });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

const isReadOnly = async () => {
  const [row] = await postgres.query<{ setting: string }>(
    `select current_setting('default_transaction_read_only') as setting`,
  );
  return row?.setting === 'on';
};

const readiness = async () => (await crowd.send(app.url, { path: '/readyz' })).status;

async function expectMaintenance(): Promise<void> {
  expect(await answersOf(calls.writes, coupon)).toEqual(allAnswer(calls.writes, unavailable));
  expect(await answersOf(calls.reads, coupon)).toEqual(allAnswer(calls.reads, 'served'));
  // A probe asks the server at most once a second.
  await waitFor('not ready', async () => (await readiness()) === 503);
}

async function expectService(): Promise<void> {
  await waitFor('ready', async () => (await readiness()) === 200);
  // After a rejected connection the pool for batches opens no other for a moment.
  await waitFor(
    'a decided claim',
    async () => (await calls.writes.claim?.(coupon))?.status === 200,
  );
  const all = { ...calls.writes, ...calls.reads };
  expect(await answersOf(all, coupon)).toEqual(allAnswer(all, 'served'));
}

it('a service on a read-only primary serves reads, refuses writes, and serves both once it takes writes', async () => {
  await crowd.createCoupon(app.url, coupon, 100);
  await crowd.claim(app.url, { couponName: coupon, userId: 'ada' });
  await postgres.query('alter system set default_transaction_read_only = on');
  await postgres.query('select pg_reload_conf()');
  await waitFor('the server to be read-only', isReadOnly);
  await expectMaintenance();
  await postgres.query('alter system reset default_transaction_read_only');
  await postgres.query('select pg_reload_conf()');
  await waitFor('the server to take writes', async () => !(await isReadOnly()));
  await expectService();
});

it('a service replaces sessions that began while the database was read-only when it takes writes', async () => {
  const [row] = await postgres.query<{ name: string }>('select current_database() as name');
  await administer(`alter database ${row?.name} set default_transaction_read_only = on`);
  await postgres.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'firstcome'`,
  );
  await waitFor(
    'answer',
    async () => (await calls.reads['find a claim']?.(coupon))?.status === 200,
  );
  await expectMaintenance();
  await administer(`alter database ${row?.name} reset default_transaction_read_only`);
  await expectService();
});
