// SPDX-License-Identifier: GPL-3.0-or-later
/** A loss that is found by what other processes, also such that have ended, have shared over Redis. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { App } from '../../src/app.ts';
import { Crowd } from '../support/crowd.ts';
import { hasRedis, type RedisServer, startRedis } from '../support/redis-server.ts';
import { patience, startService } from '../support/service.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

describe.skipIf(!(await hasRedis()))('with Redis', () => {
  let redis: RedisServer;
  let database: TestDatabase;
  let crowd: Crowd;
  let app: App | undefined;

  const start = async () => {
    app = await startService({
      ...{ ...patience, DATABASE_URL: database.url, REDIS_URL: redis.url },
      STOCK_CHECK_INTERVAL_MS: '0',
    });
    return app;
  };
  const stop = async () => {
    await app?.stop();
    app = undefined;
  };
  const health = async () =>
    (await crowd.send(app?.url ?? '', { path: '/health' })).body as Record<string, unknown>;
  const metric = async (line: string) =>
    String((await crowd.send(app?.url ?? '', { path: '/metrics' })).body).includes(`${line}\n`);

  /** Waits until Redis has what was acknowledged. */
  const untilShared = () =>
    waitFor('what was acknowledged', async () => {
      const keys = (await redis.command('KEYS', '*:acknowledged:*')) as string[];
      const texts = keys.length > 0 ? await redis.command('MGET', ...keys) : [];
      return String(texts).includes('"bob"');
    });

  beforeEach(async () => {
    redis = await startRedis();
    database = await createTestDatabase();
    crowd = new Crowd();
    const { url } = await start();
    await waitFor('Redis', () => metric('firstcome_redis_up 1'));
    await crowd.createCoupon(url, 'SALE', 10);
    for (const userId of ['ada', 'bob']) await crowd.claim(url, { couponName: 'SALE', userId });
    await untilShared();
  });

  afterEach(async () => {
    crowd.close();
    await stop();
    await database.drop();
    await redis.remove();
  });

  /** As in a database from before the last claim. */
  async function loseBob(): Promise<void> {
    await database.query(`delete from claims where user_id = 'bob'`);
    await database.query('delete from stock_ledger where first_position = 2');
  }

  it('a service that starts finds what one had acknowledged that has ended', async () => {
    await stop();
    await loseBob();
    const { url } = await start();
    // On a busy machine Redis may count as away at first.
    await waitFor('the loss', async () => (await health()).reason === 'history_lost');
    const { batches } = (await crowd.send(url, { path: '/api/lost-history' })).body as {
      batches: object[];
    };
    expect(batches).toMatchObject([{ coupon_name: 'SALE', user_id: 'bob', position: 2 }]);
  });

  it('what was acknowledged is shared again when Redis has lost it, and once more at the end', async () => {
    await redis.command('FLUSHALL');
    await untilShared();
    await redis.command('FLUSHALL');
    await stop();
    await loseBob();
    await start();
    await waitFor('the loss', async () => (await health()).reason === 'history_lost');
  });

  it('a service that starts on a complete database serves calls', async () => {
    await stop();
    const { url } = await start();
    await waitFor('Redis', () => metric('firstcome_redis_up 1'));
    expect((await health()).status).toBe('healthy');
    expect((await crowd.claim(url, { couponName: 'SALE', userId: 'eve' })).status).toBe(200);
    expect(await database.query('select from lost_batches')).toEqual([]);
  });

  it('a service that starts without Redis finds it once Redis answers', async () => {
    await stop();
    await loseBob();
    redis.freeze();
    await start();
    expect((await health()).status).toBe('healthy');
    redis.resume();
    await waitFor('the loss', async () => (await health()).reason === 'history_lost');
  });

  it('no service answers from what others share in Redis while calls are refused', async () => {
    const other = await startService({
      ...{ ...patience, DATABASE_URL: database.url, REDIS_URL: redis.url },
      STOCK_CHECK_INTERVAL_MS: '0',
    });
    try {
      const urls = [app?.url ?? '', other.url];
      const read = (url: string, maxAge: number) =>
        crowd.send(url, {
          path: '/api/coupons/SALE',
          headers: { 'Cache-Control': `max-age=${maxAge}` },
        });
      // Each service accepts a view that has a mark of its own.
      await waitFor('a view for both services', async () => {
        for (const url of urls) await read(url, 1);
        const [key] = (await redis.command('KEYS', '*:view:SALE')) as string[];
        const text = String(key && (await redis.command('GET', key)));
        const marks = [...text.matchAll(/"([\w-]{12})\.\w+"/g)].map(([, processId]) => processId);
        return new Set(marks).size === urls.length;
      });
      await loseBob();
      await database.query(
        `insert into lost_batches values
          (gen_random_uuid(), 'SALE', 1, 0, 'bob', 2, null, now(), now(), 'another process')`,
      );
      for (const url of urls) {
        await waitFor('the loss', async () => {
          const { body } = await crowd.send(url, { path: '/health' });
          return body.reason === 'history_lost';
        });
      }
      for (const url of urls) {
        expect(await read(url, 60)).toMatchObject({ status: 503, body: { code: 'unavailable' } });
      }
    } finally {
      await other.stop();
    }
  });

  it('what is no batch is ignored', async () => {
    await stop();
    for (const [id, text] of [
      ['a', 'no JSON'],
      ['b', '{"version":2,"batches":[]}'],
      ['c', '{"version":1,"batches":[["no id","SALE",1,0,"ada",1,null,1]]}'],
    ] as const) {
      const [list] = (await redis.command('KEYS', '*:acknowledged')) as string[];
      await redis.command('ZADD', list ?? '', '1', id);
      await redis.command('SET', `${list}:${id}`, text);
    }
    await start();
    await waitFor('Redis', () => metric('firstcome_redis_up 1'));
    expect((await health()).status).toBe('healthy');
  });
});
