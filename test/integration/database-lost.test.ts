// SPDX-License-Identifier: GPL-3.0-or-later
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { App } from '../../src/app.ts';
import { auditHistories, type Query } from '../support/audit.ts';
import { Crowd, type History, range, tally } from '../support/crowd.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { type OwnPostgres, startOwnPostgres } from '../support/own-postgres.ts';
import { startService } from '../support/service.ts';
import { openStores, outcomesOf } from '../support/stores.ts';
import { waitFor } from '../support/wait-for.ts';

const connectionsMax = 20;
const claimTimeoutMs = 1_500;

let postgres: OwnPostgres;
let proxy: FaultProxy;
let app: App;
let crowd: Crowd;
let coupons = 0;

beforeAll(async () => {
  postgres = await startOwnPostgres({ max_connections: String(connectionsMax) });
  proxy = await FaultProxy.before(postgres.url());
});

afterAll(async () => {
  await proxy.stop();
  await postgres.remove();
});

beforeEach(async () => {
  app = await startService({
    DATABASE_URL: proxy.urlOf(postgres.url()),
    CLAIM_TIMEOUT_MS: String(claimTimeoutMs),
    // Only the requests of the tests take a connection.
    STOCK_CHECK_INTERVAL_MS: '0',
    DATABASE_CLAIM_CONNECTIONS: '2',
    DATABASE_QUERY_CONNECTIONS: '2',
  });
  crowd = new Crowd();
});

afterEach(async () => {
  crowd.close();
  await app.stop();
});

const query: Query = async (sql, values) => {
  const client = new pg.Client({ connectionString: postgres.url() });
  await client.connect();
  try {
    return (await client.query(sql, values)).rows;
  } finally {
    await client.end();
  }
};

const healthStatus = async () => (await crowd.send(app.url, { path: '/health' })).status;

async function newCoupon(amount: number): Promise<string> {
  coupons += 1;
  await crowd.createCoupon(app.url, `coupon-${coupons}`, amount);
  return `coupon-${coupons}`;
}

describe('a service under load whose database stops and starts', () => {
  it.each(['a shutdown', 'a crash of all backends'])(
    'after %s of its database a service has given only true answers, and recovers without a restart',
    async (how) => {
      const couponName = await newCoupon(2_000);
      let decided = 0;
      let isOver = false;
      const histories: Promise<History>[] = [];
      const claimMore = () => {
        const userId = `user-${histories.length}`;
        const claim = { couponName, userId, key: userId };
        const history = crowd.claimUntilDecided(app.url, claim);
        histories.push(history);
        void history.then(() => {
          decided += 1;
          if (histories.length < 3_000 || !isOver) claimMore();
        });
      };
      for (const _ of range(50)) claimMore();
      await waitFor('the first claims', () => decided > 200);
      if (how === 'in good order') {
        await postgres.stop();
        await waitFor('the service to be unhealthy', async () => (await healthStatus()) === 503);
        const alive = await crowd.send(app.url, { path: '/livez' });
        expect(alive.status).toBe(200);
        await postgres.start();
        proxy.leadTo(postgres.url());
      } else {
        await crashBackends();
      }
      await waitFor('the recovery of the service', async () => (await healthStatus()) === 200, {
        timeoutMs: 120_000,
      });
      // The crowd claimed all the time, so the outage was in the middle of the sale.
      isOver = true;
      await waitFor('the end of the sale', () => decided >= 3_000 && decided === histories.length, {
        timeoutMs: 120_000,
      });
      const all = await Promise.all(histories);
      expect(await auditHistories(query, couponName, all)).toEqual([]);
      const last = all.flatMap(({ answers }) => answers.slice(-1));
      expect(tally(last)).toEqual({ 200: 2_000, '400 sold_out': all.length - 2_000 });
      if (how === 'in good order') expect(all.some(({ answers }) => answers.length > 1)).toBe(true);
    },
    180_000,
  );

  /** Kills one backend with SIGKILL, so that the server ends every session and recovers from its log. */
  async function crashBackends(): Promise<void> {
    const [row] = await postgres.query<{ pid: number }>(
      `select pid from pg_stat_activity where application_name = 'firstcome' limit 1`,
    );
    if (row === undefined) throw new Error('the service has no connection');
    process.kill(row.pid, 'SIGKILL');
  }
});

describe('a service whose database has no free connection', () => {
  it('refuses claims with a definite answer and is unhealthy, until a connection is free', async () => {
    const couponName = await newCoupon(10);
    const others: pg.Client[] = [];
    await proxy.refuse();
    // A session that ended later would free a connection for the service.
    await waitFor('the end of the sessions of the service', async () => {
      const sessions = `select from pg_stat_activity where application_name like 'firstcome%'`;
      return (await query(sessions)).length === 0;
    });
    for (let isFull = false; !isFull; ) {
      const client = new pg.Client({ connectionString: postgres.url() });
      client.on('error', () => undefined);
      await client.connect().then(
        () => others.push(client),
        (error: { code?: string }) => {
          expect(error.code).toBe('53300');
          isFull = true;
        },
      );
    }
    await proxy.accept();
    const answer = await crowd.claim(app.url, { couponName, userId: 'ada' });
    expect(answer.body).toMatchObject({ code: 'unavailable', effect: 'none' });
    expect(await healthStatus()).toBe(503);
    const stores = openStores(postgres.url(), { connectTimeoutMs: 500 });
    expect(outcomesOf(await stores.decide(couponName, ['ada']))).toEqual(['refused: not_sent']);
    await stores.close();
    await Promise.all(others.map((client) => client.end()));
    await waitFor('the recovery of the service', async () => (await healthStatus()) === 200);
    expect((await crowd.claim(app.url, { couponName, userId: 'ada' })).status).toBe(200);
  });
});
