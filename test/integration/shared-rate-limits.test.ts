// SPDX-License-Identifier: GPL-3.0-or-later
/** Rate limits with Redis: nodes count together, and each on its own while Redis is away. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sharedMsMax } from '../../src/core/limits/rate-limit.ts';
import { type Answer, type Client, clientOf } from '../support/contract-client.ts';
import { hasRedis, type RedisServer, startRedis } from '../support/redis-server.ts';
import { patience, startService } from '../support/service.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { missed, waitFor } from '../support/wait-for.ts';

const requestsMax = 6;

describe.skipIf(!(await hasRedis()))('rate limits that two nodes share by Redis', () => {
  let redis: RedisServer;
  let database: TestDatabase;
  const nodes: Client[] = [];
  const stops: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    redis = await startRedis();
    stops.push(() => redis.remove());
    database = await createTestDatabase();
    stops.push(() => database.drop());
    for (let node = 0; node < 2; node += 1) {
      const app = await startService({
        ...{ DATABASE_URL: database.url, REDIS_URL: redis.url, ...patience },
        ...{ RATE_LIMIT_PER_IP: `${requestsMax}/1h`, TRUSTED_PROXIES: '127.0.0.1' },
      });
      const client = clientOf(app.url);
      nodes.push(client);
      stops.push(async () => {
        client.close();
        await app.stop();
      });
    }
  });
  afterAll(async () => {
    for (const stop of stops.reverse()) await stop();
  });

  let addressCount = 0;
  let address = '';
  beforeEach(async () => {
    await waitFor('shared counts', areShared);
    address = newAddress();
  });

  function newAddress(): string {
    addressCount += 1;
    return `2001:db8:0:${addressCount.toString(16)}::1`;
  }

  function read(node: number, of = address): Promise<Answer> {
    const client = nodes[node] as Client;
    return client.get('/api/coupons/none', { 'X-Forwarded-For': of });
  }

  /** Whether what one node counts is known to the other one. */
  async function areShared(): Promise<boolean> {
    const fresh = newAddress();
    await read(0, fresh);
    return String((await read(1, fresh)).headers.ratelimit).startsWith(
      `"ip";r=${requestsMax - 2};`,
    );
  }

  /** The statuses of twice as many requests as the limit allows, from both nodes in turn. */
  async function statuses(): Promise<number[]> {
    const found: number[] = [];
    for (let count = 0; count < 2 * requestsMax; count += 1) {
      found.push((await read(count % 2)).status);
    }
    return found;
  }

  const allowed = (found: number[]) => found.filter((status) => status === 404).length;
  const refused = (found: number[]) => found.filter((status) => status === 429).length;

  /** Calls that Redis has not answered in time. On a busy machine a node then counts on its own for a moment. */
  async function lateCalls(): Promise<number> {
    let late = 0;
    for (const { get } of nodes) {
      const { text } = await get('/metrics');
      const found = text.matchAll(
        /^firstcome_redis_calls_total\{result="(?:timeout|away)"\} (\d+)/gm,
      );
      for (const [, calls] of found) late += Number(calls);
    }
    return late;
  }

  /** The result of `send`, during which Redis has answered each call in time. */
  async function inTime<Result>(send: () => Promise<Result>): Promise<Result> {
    const before = await lateCalls();
    const result = await send();
    if ((await lateCalls()) > before) missed('Redis has not answered all calls in time');
    return result;
  }

  it('nodes count together', async () => {
    const found = await inTime(statuses);
    expect(found.slice(0, requestsMax)).toEqual(Array.from({ length: requestsMax }, () => 404));
    expect(found.slice(requestsMax)).toEqual(Array.from({ length: requestsMax }, () => 429));
  });

  it('requests at the same moment are each counted once', async () => {
    const sentMs = performance.now();
    let slowestMs = 0;
    const answers = await inTime(() =>
      Promise.all(
        Array.from({ length: 40 }, async (_, index) => {
          const answer = await read(index % 2);
          slowestMs = performance.now() - sentMs;
          return answer;
        }),
      ),
    );
    const found = answers.map(({ status }) => status);
    // Redis may answer two calls in time, and a request that waits for both is late all the same. Its node counts it then.
    if (allowed(found) > requestsMax && slowestMs > sharedMsMax)
      missed('a request has waited for long');
    expect([allowed(found), refused(found)]).toEqual([requestsMax, 40 - requestsMax]);
  });

  it('every count that Redis keeps ends by itself', async () => {
    await inTime(() => read(0));
    expect(await keyOf(address)).toMatch(/^firstcome:.+:limit:ip:3600:2001:db8:0:\w+::\/64$/);
    const keys = (await redis.command('KEYS', '*:limit:*')) as string[];
    for (const key of keys) {
      expect(Number(await redis.command('PTTL', key))).toBeGreaterThan(0);
    }
  });

  it('a window whose end is too far away, since the clock of Redis was set back, is replaced', async () => {
    const next = await inTime(async () => {
      for (let count = 0; count < requestsMax - 1; count += 1) await read(0);
      await redis.command('PEXPIRE', await keyOf(address), 2 * 3_600_000);
      return read(0);
    });
    expect(next.headers.ratelimit).toBe(`"ip";r=${requestsMax - 1};t=3600`);
    const key = await keyOf(address);
    expect(Number(await redis.command('PTTL', key))).toBeLessThanOrEqual(3_600_000);
  });

  it('while Redis is frozen each node counts its own requests, and no client gets an error', async () => {
    redis.freeze();
    try {
      const found = await statuses();
      expect([allowed(found), refused(found)]).toEqual([2 * requestsMax, 0]);
      expect(refused(await statuses())).toBe(2 * requestsMax);
    } finally {
      redis.resume();
    }
  });

  it('requests that are sent while Redis dies are counted, and no client gets an error', async () => {
    const sent = Array.from({ length: 30 }, (_, index) => read(index % 2));
    await redis.stop();
    const during = (await Promise.all(sent)).map(({ status }) => status);
    expect(allowed(during) + refused(during)).toBe(30);
    const after = [...(await statuses()), ...(await statuses())];
    // At most one window of Redis, and one of each node.
    expect(allowed([...during, ...after])).toBeLessThanOrEqual(3 * requestsMax);
    expect(refused(after.slice(2 * requestsMax))).toBe(2 * requestsMax);
    await redis.start();
    await waitFor('shared counts', areShared);
  });

  it('while Redis is out of memory each node counts its own requests', async () => {
    await redis.command('CONFIG', 'SET', 'maxmemory', 1);
    try {
      const found = await statuses();
      expect([allowed(found), refused(found)]).toEqual([2 * requestsMax, 0]);
    } finally {
      await redis.command('CONFIG', 'SET', 'maxmemory', 0);
    }
  });

  async function keyOf(of: string): Promise<string> {
    const network = of.replace(/::1$/, '::/64');
    const [key = ''] = (await redis.command('KEYS', `*:limit:ip:3600:${network}`)) as string[];
    return key;
  }
});
