// SPDX-License-Identifier: GPL-3.0-or-later
/** A backup from before the last acknowledged claims, restored on another server with the programs of PostgreSQL itself. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { App } from '../../src/app.ts';
import { findInstallation, type Installation, PostgresServer } from '../faults/postgres-server.ts';
import { Crowd } from '../support/crowd.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { hasRedis, type RedisServer, startRedis } from '../support/redis-server.ts';
import { patience, startService } from '../support/service.ts';
import { systemPostgresBinDir } from '../support/system-postgres.ts';
import { waitFor } from '../support/wait-for.ts';

const run = promisify(execFile);
const binDir = systemPostgresBinDir() ?? '';
const canUseRedis = await hasRedis();

/** Makes a backup while the server runs. What it resolves to restores the backup on another server. */
type BackUp = () => Promise<() => Promise<PostgresServer>>;

let folder: string;
let installation: Installation;
let server: PostgresServer;
let restored: PostgresServer | undefined;
let proxy: FaultProxy;
let crowd: Crowd;
let app: App | undefined;
let redis: RedisServer | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'firstcome-restore-'));
  installation = { ...(await findInstallation(folder)), binDir };
  server = await PostgresServer.create(installation, join(folder, 'before'));
  proxy = await FaultProxy.before(server.url());
  crowd = new Crowd();
});

afterEach(async () => {
  crowd.close();
  await stop();
  await proxy.stop();
  for (const one of [server, restored]) await one?.remove();
  restored = undefined;
  await redis?.remove();
  redis = undefined;
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
});

/** It has the identifier, the timeline and the OIDs of the server. */
const baseBackup: BackUp = async () => {
  const copy = await server.backUp(join(folder, 'after'));
  return async () => {
    await copy.start();
    return copy;
  };
};

/** It has only the rows. */
const dump: BackUp = async () => {
  const file = join(folder, 'dump.sql');
  await run(join(binDir, 'pg_dump'), ['--dbname', server.url(), '--file', file]);
  return async () => {
    const other = await PostgresServer.create(installation, join(folder, 'after'));
    const options = ['--quiet', '--no-psqlrc', '--set', 'ON_ERROR_STOP=1'];
    await run(join(binDir, 'psql'), [...options, '--dbname', other.url(), '--file', file]);
    return other;
  };
};

async function start(): Promise<void> {
  app = await startService({
    ...{ ...patience, DATABASE_URL: proxy.urlOf(server.url()), STOCK_CHECK_INTERVAL_MS: '0' },
    ...(redis !== undefined && { REDIS_URL: redis.url }),
  });
}

async function stop(): Promise<void> {
  await app?.stop();
  app = undefined;
}

const get = async (path: string) => crowd.send(app?.url ?? '', { path });
const health = async () => (await get('/health')).body as Record<string, unknown>;
const claim = (userId: string) => crowd.claim(app?.url ?? '', { couponName: 'SALE', userId });
const untilReason = (reason: string) =>
  waitFor(`the reason ${reason}`, async () => (await health()).reason === reason);

/** Waits until Redis has the batch of this user. */
async function untilShared(userId: string): Promise<void> {
  await waitFor('what was acknowledged', async () => {
    if (redis === undefined) return true;
    const keys = (await redis.command('KEYS', '*:acknowledged:*')) as string[];
    const texts = keys.length > 0 ? await redis.command('MGET', ...keys) : [];
    return String(texts).includes(`"${userId}"`);
  });
}

/** Lets ada claim before the backup and bob after it. Resolves to what restores it in place of the server. */
async function sell(backUp: BackUp): Promise<() => Promise<void>> {
  await start();
  await crowd.createCoupon(app?.url ?? '', 'SALE', 10);
  expect((await claim('ada')).status).toBe(200);
  const restore = await backUp();
  expect((await claim('bob')).status).toBe(200);
  await untilShared('bob');
  return async () => {
    await server.stop('immediate');
    restored = await restore();
    proxy.leadTo(restored.url());
  };
}

/** The service lists the claim of bob, refuses calls, and serves them once an operator has accepted the loss. */
async function expectLoss(): Promise<void> {
  await untilReason('history_lost');
  expect(await claim('eve')).toMatchObject({ status: 503, body: { effect: 'none' } });
  const { batches, found_until } = (await get('/api/lost-history')).body;
  expect(batches).toMatchObject([{ coupon_name: 'SALE', user_id: 'bob', position: 2 }]);
  const path = '/api/lost-history/accept';
  await crowd.send(app?.url ?? '', { method: 'POST', path, body: { found_until } });
  await waitFor('health', async () => (await health()).status === 'healthy');
  expect((await claim('eve')).body).toMatchObject({ position: 2 });
}

describe.skipIf(binDir === '')(
  'a service that runs while a backup takes the place of its server',
  () => {
    it('finds the lost claim on a base backup', async () => {
      const restore = await sell(baseBackup);
      await restore();
      await expectLoss();
    });

    it('refuses calls on a dump until it is started again, and then finds the lost claim', async () => {
      const restore = await sell(dump);
      await restore();
      await untilReason('installation_changed');
      expect(await claim('eve')).toMatchObject({ status: 503, body: { effect: 'none' } });
      await waitFor('the loss to be stored', async () => {
        return (await restored?.query('select from lost_batches'))?.length === 1;
      });
      await stop();
      await start();
      await expectLoss();
    });
  },
);

describe.skipIf(binDir === '')('a service that starts on a backup', () => {
  const backUps: [string, BackUp][] = [
    ['base backup', baseBackup],
    ['dump', dump],
  ];

  it.skipIf(!canUseRedis).each(backUps)(
    'finds the lost claim on a %s with Redis',
    async (_, backUp) => {
      redis = await startRedis();
      const restore = await sell(backUp);
      await stop();
      await restore();
      await start();
      await expectLoss();
    },
  );

  it.each(backUps)(
    'serves calls on a %s without Redis: nothing knows of the lost claim',
    async (_, backUp) => {
      const restore = await sell(backUp);
      await stop();
      await restore();
      await start();
      expect((await health()).status).toBe('healthy');
      expect((await claim('eve')).body).toMatchObject({ position: 2 });
    },
  );
});
