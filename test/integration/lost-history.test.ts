// SPDX-License-Identifier: GPL-3.0-or-later
/** A service whose database comes back without batches that the service had acknowledged. */
import { execFile } from 'node:child_process';
import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { App } from '../../src/app.ts';
import { Crowd } from '../support/crowd.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { ReplicatedPostgres } from '../support/replicated-postgres.ts';
import { startService } from '../support/service.ts';
import { waitFor } from '../support/wait-for.ts';

const run = promisify(execFile);

let pair: ReplicatedPostgres;
let proxy: FaultProxy;
let crowd: Crowd;
const apps: App[] = [];

async function startNode(env: Record<string, string> = {}): Promise<App> {
  const app = await startService({
    DATABASE_URL: proxy.urlOf(pair.primary.url()),
    CLAIM_TIMEOUT_MS: '10000',
    STOCK_CHECK_INTERVAL_MS: '0',
    ...env,
  });
  apps.push(app);
  return app;
}

beforeEach(async () => {
  pair = await ReplicatedPostgres.start();
  proxy = await FaultProxy.before(pair.primary.url());
  crowd = new Crowd();
});

afterEach(async () => {
  crowd.close();
  for (const app of apps.splice(0)) await app.stop();
  await proxy.stop();
  await pair.remove();
});

const health = async (app: App) => (await crowd.send(app.url, { path: '/health' })).body;
const claim = (app: App, couponName: string, userId: string) =>
  crowd.claim(app.url, { couponName, userId });

/** Lets the user claim. The service may have to connect again first. */
const wins = (app: App, couponName: string, userId: string) =>
  waitFor(`the claim of ${userId}`, async () => {
    const answer = await claim(app, couponName, userId);
    return answer.status === 200 || answer.body.code === 'already_claimed';
  });

/** The primary fails, and the standby takes over without what was committed during `work`. */
async function failOverWithout(work: () => Promise<void>): Promise<void> {
  await pair.detach();
  await work();
  await pair.primary.stop('immediate');
  await pair.standby.promote();
  proxy.leadTo(pair.standby.url());
}

const untilLost = (app: App) =>
  waitFor('the service to refuse calls', async () => (await health(app)).reason === 'history_lost');

const untilHealthy = (app: App) =>
  waitFor('the service to be healthy', async () => (await health(app)).status === 'healthy');

const get = async (app: App, path: string) => crowd.send(app.url, { path });
const refusal = { status: 503, body: { code: 'unavailable', effect: 'none' } };

/** Accepts all that was found. */
async function accept(app: App): Promise<void> {
  const { found_until } = (await get(app, '/api/lost-history')).body;
  const path = '/api/lost-history/accept';
  const answer = await crowd.send(app.url, { method: 'POST', path, body: { found_until } });
  expect(answer.status).toBe(200);
}

/** Creates a coupon, and loses the claim of bob in a failover. */
async function loseBob(app: App): Promise<void> {
  await crowd.createCoupon(app.url, 'SALE', 10);
  expect((await claim(app, 'SALE', 'ada')).status).toBe(200);
  await failOverWithout(async () => {
    expect((await claim(app, 'SALE', 'bob')).status).toBe(200);
  });
}

describe('after a failover to a standby that was behind', () => {
  it('a service refuses all calls until an operator has accepted the loss', async () => {
    const app = await startNode();
    await loseBob(app);
    await untilLost(app);
    const answers = await Promise.all([
      claim(app, 'SALE', 'eve'),
      claim(app, 'SALE', 'ada'),
      claim(app, 'UNKNOWN', 'eve'),
      get(app, '/api/coupons'),
      get(app, '/api/coupons/SALE'),
      get(app, '/api/coupons/SALE/claims/ada'),
      get(app, '/api/claims?user_id=ada'),
      crowd.send(app.url, { method: 'POST', path: '/api/coupons', body: { name: 'X', amount: 1 } }),
      crowd.send(app.url, { method: 'POST', path: '/api/coupons/SALE/stock', body: { add: 1 } }),
    ]);
    for (const answer of answers) expect(answer).toMatchObject(refusal);
    expect((await get(app, '/readyz')).status).toBe(503);
    expect((await get(app, '/metrics')).body).toContain('firstcome_history_lost 1');

    const lost = (await get(app, '/api/lost-history')).body;
    expect(lost).toMatchObject({ total: 1, found_until: expect.any(String) });
    expect(lost.batches).toMatchObject([
      { coupon_name: 'SALE', claims: 1, changes: 0, position: 2, user_id: 'bob' },
    ]);
    await accept(app);
    await untilHealthy(app);
    expect((await claim(app, 'SALE', 'eve')).body).toMatchObject({ position: 2 });
    expect((await claim(app, 'SALE', 'bob')).body).toMatchObject({ position: 3 });
    expect((await get(app, '/metrics')).body).toContain('firstcome_history_lost 0');
    expect((await get(app, '/api/lost-history')).body).toEqual({
      ...{ total: 0, found_until: null, batches: [] },
    });
    const [entry] = (await get(app, '/api/operator-log')).body.entries as object[];
    expect(entry).toMatchObject({
      ...{ action: 'accept_history', coupon_name: 'SALE', after: null },
      before: { lost_batches: 1, lost_claims: 1, lost_changes: 0, last_position: 2 },
    });
  });

  it('other services refuse all calls too, also one that starts later', async () => {
    const app = await startNode();
    const idle = await startNode();
    await loseBob(app);
    await Promise.all([untilLost(app), untilLost(idle)]);
    const late = await startNode();
    await untilLost(late);
    expect(await claim(late, 'SALE', 'eve')).toMatchObject(refusal);
    await accept(late);
    await Promise.all([app, idle, late].map(untilHealthy));
    expect((await claim(app, 'SALE', 'eve')).status).toBe(200);
  });

  it('what a service finds that was cut off meanwhile stops all services again, and is accepted on its own', async () => {
    const app = await startNode();
    const cutOff = await FaultProxy.before(pair.primary.url());
    const late = await startNode({ DATABASE_URL: cutOff.urlOf(pair.primary.url()) });
    try {
      await crowd.createCoupon(app.url, 'SALE', 10);
      await failOverWithout(async () => {
        expect((await claim(app, 'SALE', 'bob')).status).toBe(200);
        expect((await claim(late, 'SALE', 'eve')).status).toBe(200);
        await cutOff.refuse();
      });
      await untilLost(app);
      await accept(app);
      await untilHealthy(app);
      expect((await claim(app, 'SALE', 'dan')).body).toMatchObject({ position: 1 });

      cutOff.leadTo(pair.standby.url());
      await cutOff.accept();
      await Promise.all([untilLost(late), untilLost(app)]);
      expect(await claim(app, 'SALE', 'ada')).toMatchObject(refusal);
      expect((await get(app, '/api/lost-history')).body).toMatchObject({
        total: 1,
        batches: [{ user_id: 'eve', position: 2 }],
      });
      await accept(app);
      await Promise.all([untilHealthy(app), untilHealthy(late)]);
      expect((await claim(late, 'SALE', 'ada')).body).toMatchObject({ position: 2 });
      const { entries } = (await get(app, '/api/operator-log')).body as {
        entries: { action: string }[];
      };
      const accepted = entries.filter(({ action }) => action === 'accept_history');
      expect(accepted).toMatchObject([
        { before: { lost_claims: 1, last_position: 2 } },
        { before: { lost_claims: 1, last_position: 1 } },
      ]);
    } finally {
      await cutOff.stop();
    }
  });

  it('a service serves again without a word of an operator once a server with all batches is back', async () => {
    const app = await startNode();
    await loseBob(app);
    await untilLost(app);
    await pair.standby.stop('fast');
    await pair.primary.start();
    proxy.leadTo(pair.primary.url());
    await untilHealthy(app);
    expect((await claim(app, 'SALE', 'bob')).body.code).toBe('already_claimed');
  });
});

describe('on a server that was set back', () => {
  /** Where the files of the primary are kept, as they were. */
  const kept = () => `${pair.primary.data}-kept`;
  const lostUsers = async (app: App) => {
    await untilLost(app);
    const { batches } = (await get(app, '/api/lost-history')).body as {
      batches: { user_id: string }[];
    };
    return batches.map(({ user_id: user }) => user);
  };

  /** Keeps the files of the primary, which stops meanwhile. */
  async function keepFiles(): Promise<void> {
    await pair.primary.stop('fast');
    await run('cp', ['-a', pair.primary.data, kept()]);
    await pair.primary.start();
  }

  /** Brings them back, and keeps the newer ones beside them. */
  async function restoreFiles(): Promise<void> {
    await pair.primary.stop('fast');
    await run('mv', [pair.primary.data, `${pair.primary.data}-newer`]);
    await run('cp', ['-a', kept(), pair.primary.data]);
  }

  it('a service finds a restored copy of the files, whose timeline is the same', async () => {
    const app = await startNode();
    await crowd.createCoupon(app.url, 'SALE', 10);
    await wins(app, 'SALE', 'ada');
    await keepFiles();
    await wins(app, 'SALE', 'bob');
    await restoreFiles();
    await pair.primary.start();
    expect(await lostUsers(app)).toEqual(['bob']);
  });

  it('a service finds a recovery to a point in time', async () => {
    const app = await startNode();
    await crowd.createCoupon(app.url, 'SALE', 10);
    // The recovery reads it from here.
    await pair.primary.query(`alter system set wal_keep_size = '64MB'`);
    await keepFiles();
    await wins(app, 'SALE', 'ada');
    const [point] = await pair.primary.query<{ lsn: string }>(
      'select pg_current_wal_insert_lsn()::text as lsn',
    );
    expect((await claim(app, 'SALE', 'bob')).status).toBe(200);
    await restoreFiles();
    await appendFile(
      join(pair.primary.data, 'postgresql.auto.conf'),
      [
        `restore_command = 'cp ${pair.primary.data}-newer/pg_wal/%f %p'`,
        `recovery_target_lsn = '${point?.lsn}'`,
        `recovery_target_action = 'promote'`,
        '',
      ].join('\n'),
    );
    await writeFile(join(pair.primary.data, 'recovery.signal'), '');
    await pair.primary.start();
    expect(await lostUsers(app)).toEqual(['bob']);
  });

  it('a service finds lost changes of claims', async () => {
    const app = await startNode();
    const post = (path: string, body: object) =>
      crowd.send(app.url, { method: 'POST', path, body });
    await post('/api/coupons', { name: 'HELD', amount: 10, hold_seconds: 3600 });
    expect((await claim(app, 'HELD', 'ada')).status).toBe(200);
    await keepFiles();
    await waitFor('the confirm', async () => {
      const { status } = await post('/api/coupons/HELD/claims/ada/confirm', {});
      return status === 200;
    });
    await restoreFiles();
    await pair.primary.start();
    await untilLost(app);
    expect((await get(app, '/api/lost-history')).body.batches).toMatchObject([
      { coupon_name: 'HELD', claims: 0, changes: 1, user_id: 'ada', position: 1 },
    ]);
  });
});

describe('after a failover that loses nothing', () => {
  it('a service goes on after a switchover, a crash and a restart of its server', async () => {
    const app = await startNode();
    await crowd.createCoupon(app.url, 'SALE', 10);
    await wins(app, 'SALE', 'ada');
    await pair.switchOver();
    proxy.leadTo(pair.primary.url());
    await wins(app, 'SALE', 'bob');
    await pair.primary.stop('immediate');
    await pair.primary.start();
    await wins(app, 'SALE', 'eve');
    await pair.primary.stop('fast');
    await pair.primary.start();
    await wins(app, 'SALE', 'dan');
    await untilHealthy(app);
    expect(await pair.primary.query('select from lost_batches')).toEqual([]);
    expect((await get(app, '/metrics')).body).toContain('firstcome_history_lost 0');
  });
});
