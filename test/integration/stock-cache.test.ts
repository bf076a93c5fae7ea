// SPDX-License-Identifier: GPL-3.0-or-later
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ContractService, pathOf, until } from '../support/contract-service.ts';
import { hasRedis, type RedisServer, startRedis } from '../support/redis-server.ts';
import { patience } from '../support/service.ts';
import { createTestDatabase } from '../support/test-database.ts';
import { missed, waitFor } from '../support/wait-for.ts';

/** The stock cache of two services that share a Redis, and what becomes of cached reads when something happens to it. */
describe.skipIf(!(await hasRedis()))('the stock cache over Redis', () => {
  const [one, two] = [new ContractService(), new ContractService()];
  let redis: RedisServer;

  beforeAll(async () => {
    redis = await startRedis();
    one.database = await createTestDatabase();
    two.database = one.database;
    for (const service of [one, two]) await service.start({ ...patience, REDIS_URL: redis.url });
  });
  afterAll(async () => {
    redis?.resume();
    for (const service of [one, two]) await service.stop();
    await one.database?.drop();
    await redis?.remove();
  });
  beforeEach(async () => {
    await until(
      () => read(two, 'no-such-coupon').then(() => keys()),
      (found) => found.some((key) => key.endsWith('view-marks')),
    );
  });

  const read = (service: ContractService, name: string, seconds = 60) =>
    service.client.get(pathOf(name), { 'Cache-Control': `max-age=${seconds}` });
  const keys = async () => (await redis.command('KEYS', '*')) as string[];
  const keyOf = async (name: string) => {
    const [key] = await until(
      async () => (await keys()).filter((found) => found.endsWith(`view:${name}`)),
      (found) => found.length >= 1,
    );
    return key as string;
  };
  /** How many of the service's reads came from here. */
  const readsFrom = async (service: ContractService, source: string) => {
    const { text } = await service.client.get('/metrics');
    const line = new RegExp(
      `^firstcome_stock_view_reads_total\\{source="${source}"\\} (\\d+)`,
      'm',
    );
    return Number(line.exec(text)?.[1]);
  };
  /** Both services have left marks lately, so each can know the age of what the other one reads. */
  const bothRead = async () => {
    const name = await one.createCoupon();
    await until(
      async () => {
        const fresh = await one.createCoupon();
        const before = await readsFrom(two, 'shared');
        await read(one, fresh);
        await read(two, fresh);
        return (await readsFrom(two, 'shared')) - before;
      },
      (shared) => shared === 1,
    );
    return name;
  };

  it('gives a service what another one has read, within its age', async () => {
    await bothRead();
    const name = await one.createCoupon();
    await read(one, name);
    await keyOf(name);
    // Not by a claim of one of the services, which would refresh the view.
    await one.database.query(`update coupons set title = 'changed' where name = '${name}'`);
    const answer = await read(two, name);
    expect(answer.json).toMatchObject({ title: null });
    expect(Number(answer.headers.age)).toBeGreaterThanOrEqual(1);
  });

  it('brings a change of one service to the other that watches the coupon', async () => {
    await bothRead();
    const name = await one.createCoupon();
    await read(one, name);
    await one.mustClaim(name);
    const key = await keyOf(name);
    const remaining = async () =>
      JSON.parse(String(await redis.command('GET', key))).view.coupon.remainingAmount;
    // A service whose call to Redis is late goes on without it, and stores the view at the next read.
    await waitFor('the change', async () => (await remaining()) === 9, {
      timeoutMs: 20_000,
    }).catch(() => missed('Redis has not answered in time'));
  });

  it.each([
    ['garbage', () => 'garbage {'],
    ['a number', () => '7'],
    ['null', () => 'null'],
    ['an empty object', () => '{}'],
    ['another version', (text: string) => text.replace('"version":1', '"version":2')],
    ['a missing member', (text: string) => text.replace('"paused":false,', '')],
    ['another coupon', (text: string) => text.replace('"name":"', '"name":"not-')],
    ['marks of nobody', (text: string) => text.replace(/"marks":\[.*?\]/, '"marks":["x.1"]')],
    [
      'a time far in the future and no marks',
      (text: string) =>
        text.replace(/"atMs":[\d.]+/, '"atMs":9e15').replace(/"marks":.*$/, '"marks":[]}'),
    ],
  ])('reads the database where it finds %s, and replaces it', async (_, plant) => {
    await bothRead();
    const name = await one.createCoupon();
    await read(one, name);
    const key = await keyOf(name);
    const stored = String(await redis.command('GET', key));
    const planted = plant(stored.replace('"remainingAmount":10', '"remainingAmount":777'));
    expect(planted).not.toBe(stored);
    await redis.command('SET', key, planted);
    const answer = await read(two, name);
    expect(answer.json).toMatchObject({ remaining_amount: 10 });
    expect(answer.headers.age).toBe('0');
    await until(
      async () => String(await redis.command('GET', key)),
      (text) => text.includes('"remainingAmount":10,'),
    );
  });

  it('ignores messages that it does not know, and goes on', async () => {
    const name = await one.createCoupon();
    await read(one, name);
    const prefix = (await keyOf(name)).replace(/view:.*$/, '');
    for (const text of ['', '{', 'null', '[]', '{"version":1}', '{"version":1,"names":[1]}']) {
      await redis.command('PUBLISH', `${prefix}views`, text);
      await redis.command('PUBLISH', `${prefix}wanted-views`, text);
    }
    expect((await read(one, name)).status).toBe(200);
  });

  it('reads the database after FLUSHALL, and shares again', async () => {
    await bothRead();
    const name = await one.createCoupon();
    await read(one, name);
    await keyOf(name);
    await redis.command('FLUSHALL');
    expect((await read(two, name)).headers.age).toBe('0');
    await bothRead();
  });

  it('reads the database where its marks are no list', async () => {
    await bothRead();
    const marks = (await keys()).find((key) => key.endsWith('view-marks')) as string;
    await redis.command('SET', marks, 'garbage');
    const name = await one.createCoupon();
    await read(one, name);
    expect((await read(two, name)).json).toMatchObject({ remaining_amount: 10 });
    await redis.command('DEL', marks);
    await bothRead();
  });

  it('goes on without Redis while that is frozen or gone, and shares again when it is back', async () => {
    const name = await one.createCoupon();
    redis.freeze();
    await one.mustClaim(name);
    expect((await read(two, name)).json).toMatchObject({ remaining_amount: 9 });
    redis.resume();
    await bothRead();
    await redis.stop();
    await one.mustClaim(name, { user: 'second' });
    const answer = await two.client.get(pathOf(name), { 'Cache-Control': 'no-cache' });
    expect(answer.json).toMatchObject({ remaining_amount: 8 });
    expect((await read(two, await one.createCoupon())).headers.age).toBe('0');
    await redis.start();
    await bothRead();
  });

  it('answers any number of reads of one coupon with one query', async () => {
    await bothRead();
    const name = await one.createCoupon();
    const queries = async () => {
      const { text } = await one.client.get('/metrics');
      return Number(/^firstcome_stock_view_queries_total (\d+)/m.exec(text)?.[1]);
    };
    await read(one, name);
    const before = await queries();
    await Promise.all(Array.from({ length: 500 }, () => read(one, name)));
    expect(await queries()).toBe(before);
  });
});
