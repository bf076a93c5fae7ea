// SPDX-License-Identifier: GPL-3.0-or-later
/** The connection to Redis under each fault: no call waits, nothing grows, the log has one line, and it comes back. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { countInRedis } from '../../src/adapters/redis/count-in-redis.ts';
import { redisDutyMutex } from '../../src/adapters/redis/duty-mutex.ts';
import {
  commandMsMax,
  RedisAwayError,
  RedisConnection,
  RedisRefusedError,
} from '../../src/adapters/redis/redis.ts';
import { redisStockNotifications } from '../../src/adapters/redis/stock-notifications.ts';
import { redisStockViews } from '../../src/adapters/redis/stock-views.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { readRedisUrl } from '../../src/config/redis-url.ts';
import type { DutyName } from '../../src/core/duties/ports.ts';
import { leaseMs } from '../../src/core/duties/ports.ts';
import type { StockNotification } from '../../src/core/stock/stock-notifications.ts';
import { masterName, startSentinel, startSentinelCluster } from '../support/redis-sentinels.ts';
import { hasRedis, type RedisServer, startRedis } from '../support/redis-server.ts';
import { missed, waitFor } from '../support/wait-for.ts';

type Line = { message: string } & Record<string, unknown>;

describe.skipIf(!(await hasRedis()))('a connection to Redis', () => {
  const opened: { remove(): Promise<void> }[] = [];
  let log: Line[];
  let redis: RedisServer;

  /** A connection that writes to `log`. */
  function connect(url: string): RedisConnection {
    const target = readRedisUrl(url);
    if ('mistake' in target) throw new Error(target.mistake);
    const connection = new RedisConnection({
      ...{ target, prefix: 'firstcome:test:', clock: systemClock },
      log: { warn: (event, message) => log.push({ ...event, message }) },
    });
    opened.unshift({ remove: () => connection.close() });
    return connection;
  }
  const isUp = (connection: RedisConnection) =>
    waitFor('answer of Redis', () => !connection.isAway());
  const isLoggedAway = () =>
    waitFor('line about the outage', () => log.find(({ message }) => /is away/.test(message)));
  /** The line names the first reason only, and on a busy machine that may be a late answer. */
  const isAwayFor = async (reason: string) => {
    const line = await isLoggedAway();
    if (!String(line.reason).includes(reason)) missed(`another reason came first: ${line.reason}`);
  };
  /** Acquires a duty from a Redis that has answered in time. */
  const acquire = async (mutex: ReturnType<typeof redisDutyMutex>, duty: DutyName) => {
    const result = await mutex.acquire(duty);
    if (result === 'unknown') missed('Redis has not answered in time');
    return result;
  };
  /** The error of a call that must fail. */
  const failure = (connection: RedisConnection) =>
    connection
      .run((client) => client.set('firstcome:test:key', 'value'))
      .then(
        () => expect.fail('the call must fail'),
        (error: unknown) => error,
      );

  /** A number in the answer to INFO; 0 where it is absent. */
  const countIn = async (section: string, name: string) => {
    const info = String(await redis.command('INFO', section));
    return Number(new RegExp(`^${name}[:=](\\d+)`, 'm').exec(info)?.[1] ?? 0);
  };

  beforeEach(async () => {
    log = [];
    redis = await startRedis();
    opened.push(redis);
  });
  afterEach(async () => {
    for (const one of opened.splice(0)) await one.remove();
  });

  it('refuses calls at once while there is no Redis at the start, logs that once, and works when it comes', async () => {
    await redis.stop();
    const connection = connect(redis.url);
    const messages: string[] = [];
    connection.subscribe('news', (message) => messages.push(message));
    expect(await failure(connection)).toBeInstanceOf(RedisAwayError);
    expect((await isLoggedAway()).reason).toContain('ECONNREFUSED');
    await redis.start();
    await isUp(connection);
    expect(await connection.run((client) => client.ping())).toBe('PONG');
    await redis.command('PUBLISH', 'firstcome:test:news', 'first');
    await waitFor('message', () => messages.length > 0);
    expect(log.map(({ message }) => message)).toEqual([
      'Redis is away, and the service goes on without it',
      'Redis answers again',
    ]);
  });

  it('says that a server does not use TLS where the URL asks for it', async () => {
    connect(redis.url.replace('redis:', 'rediss:'));
    expect((await isLoggedAway()).reason).toContain('perhaps the server does not use TLS');
  });

  it('lets no call wait for a frozen server after the first, sends it nothing more, and goes on when it is back', async () => {
    const connection = connect(redis.url);
    await isUp(connection);
    redis.freeze();
    expect(await failure(connection)).toBeInstanceOf(RedisAwayError);
    expect(connection.state().calls.timeout + connection.state().calls.away).toBe(1);
    // Without a turn of the event loop in between: none of them waits for an answer.
    const bytes = connection.client.stream.bytesWritten;
    const failures = await Promise.all(Array.from({ length: 10_000 }, () => failure(connection)));
    expect(failures.every((error) => error instanceof RedisAwayError)).toBe(true);
    expect(connection.state().calls.away).toBeGreaterThanOrEqual(10_000);
    expect(connection.client.stream.bytesWritten - bytes).toBeLessThan(1_000);
    await isLoggedAway();
    redis.resume();
    await isUp(connection);
    expect(await connection.run((client) => client.get('firstcome:test:other'))).toBeNull();
  });

  it('does not take a busy process for a slow Redis', async () => {
    const connection = connect(redis.url);
    await isUp(connection);
    // From here on timers come before input.
    await setImmediate();
    const answer = connection.run((client) => client.ping());
    // The answer arrives meanwhile, and nothing reads it.
    const untilMs = performance.now() + 10 * commandMsMax;
    while (performance.now() < untilMs);
    expect(await answer).toBe('PONG');
    expect(connection.isAway()).toBe(false);
  });

  it('replaces a connection that stays silent, and restores its subscriptions', async () => {
    const connection = connect(redis.url);
    const messages: string[] = [];
    connection.subscribe('news', (message) => messages.push(message));
    await isUp(connection);
    const { stream } = connection.client;
    redis.freeze();
    await waitFor('end of the silent connection', () => stream.destroyed);
    redis.resume();
    await isUp(connection);
    expect(connection.client.stream).not.toBe(stream);
    await redis.command('PUBLISH', 'firstcome:test:news', 'first');
    await waitFor('message', () => messages.includes('first'));
    expect(log).toHaveLength(2);
  });

  it('bounds the calls that wait', async () => {
    const connection = connect(redis.url);
    await isUp(connection);
    redis.freeze();
    const failures = await Promise.all(Array.from({ length: 5_000 }, () => failure(connection)));
    expect(failures.every((error) => error instanceof RedisAwayError)).toBe(true);
    expect(connection.state().calls.timeout).toBe(1_000);
  });

  it('survives a server that restarts empty, and one that loses all keys', async () => {
    const connection = connect(redis.url);
    await isUp(connection);
    // Uses a script, which the server forgets.
    const { client } = connection;
    client.defineCommand('answer', { numberOfKeys: 0, lua: 'return 42' });
    const answer = () =>
      connection.run(() => (client as unknown as { answer(): Promise<number> }).answer());
    expect(await answer()).toBe(42);
    await redis.stop();
    await redis.start();
    await isUp(connection);
    expect(await answer()).toBe(42);
    await redis.command('FLUSHALL');
    await redis.command('SCRIPT', 'FLUSH');
    expect(await answer()).toBe(42);
  });

  it('says in one line that the password is wrong, and never the password', async () => {
    const locked = await startRedis({ settings: { requirepass: 'right' } });
    opened.push(locked);
    const wrong = connect(locked.url.replace('//', '//:wrong-secret@'));
    expect((await isLoggedAway()).reason).toMatch(/^WRONGPASS/);
    expect(await failure(wrong)).toBeInstanceOf(RedisAwayError);
    expect(JSON.stringify(log)).not.toContain('wrong-secret');
    log.length = 0;
    const missing = connect(locked.url);
    expect((await isLoggedAway()).reason).toMatch(/^NOAUTH/);
    expect(missing.isAway()).toBe(true);
    await isUp(connect(locked.url.replace('//', '//:right@')));
  });

  it('logs once what a server that is out of memory refuses, and goes on reading', async () => {
    const connection = connect(redis.url);
    await isUp(connection);
    await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    await redis.command('CONFIG', 'SET', 'maxmemory', '1');
    const [first, second] = [await failure(connection), await failure(connection)];
    expect(first).toBeInstanceOf(RedisRefusedError);
    expect(second).toBeInstanceOf(RedisRefusedError);
    const pipeline = connection.run((client) => client.pipeline().set('key', 'value').exec());
    await expect(pipeline).rejects.toBeInstanceOf(RedisRefusedError);
    expect(log).toEqual([
      {
        reason: expect.stringMatching(/^OOM/),
        message: 'Redis refuses commands, and the service goes on without them',
      },
    ]);
    expect(await connection.run((client) => client.get('firstcome:test:key'))).toBeNull();
    expect(connection.state()).toMatchObject({ isUp: true, calls: { refused: 3 } });
  });

  it('uses no replica and no database that the server does not have', async () => {
    const replica = await startRedis();
    opened.push(replica);
    await replica.follow(redis);
    const connection = connect(replica.url);
    await isAwayFor('replica');
    await replica.command('REPLICAOF', 'NO', 'ONE');
    await isUp(connection);
    log.length = 0;
    connect(`${redis.url}/99`);
    await isAwayFor('out of range');
  });

  it('needs no more rights than the documentation gives', async () => {
    const page = await readFile(join(import.meta.dirname, '../../docs/deploy.md'), 'utf8');
    const rights = /ACL SETUSER firstcome on >PASSWORD (.+)$/m.exec(page)?.[1] ?? '';
    await redis.command('ACL', 'SETUSER', 'firstcome', 'on', '>secret', ...rights.split(' '));
    const url = redis.url.replace('//', '//firstcome:secret@');
    const [one, other] = [connect(`${url}/1`), connect(`${url}/1`)];
    const received: StockNotification[] = [];
    redisStockNotifications(other, 'other').subscribe((notification) =>
      received.push(notification),
    );
    const notifications = redisStockNotifications(one, 'one');
    notifications.subscribe((notification) => received.push(notification));
    await Promise.all([isUp(one), isUp(other)]);
    const sent = { kind: 'sold_out', couponName: 'C' } as const;
    notifications.send(sent);
    await waitFor('notification', () => received.length > 0);
    expect(received).toEqual([sent]);
    const [mutex, otherMutex] = [redisDutyMutex(one), redisDutyMutex(other)];
    expect(await acquire(mutex, 'stock_check')).toBe('acquired');
    expect(await acquire(otherMutex, 'stock_check')).toBe('held');
    expect(await acquire(otherMutex, 'event_relay')).toBe('acquired');
    // Only its holder gives it back.
    await otherMutex.release('stock_check');
    expect(await acquire(otherMutex, 'stock_check')).toBe('held');
    await mutex.release('stock_check');
    expect(await acquire(otherMutex, 'stock_check')).toBe('acquired');
    const views = redisStockViews(one);
    expect(await views.exchange('mark', ['C'])).toMatchObject({ marks: ['mark'], views: [] });
    const counts = countInRedis(one, 'ip', { requests: 5, seconds: 60 });
    expect(await counts.add('address', 2)).toMatchObject({ requests: 2 });
    expect(log).toEqual([]);
  });

  it('counts the requests of a thousand keys in one command, beside those of single keys', async () => {
    const connection = connect(redis.url);
    await isUp(connection);
    const counts = countInRedis(connection, 'user', { requests: 5, seconds: 60 });
    await counts.add('user-7', 2);
    const sent = await countIn('commandstats', 'cmdstat_evalsha:calls');
    const keys = Array.from({ length: 1_000 }, (_, index) => [`user-${index}`, 1 + (index % 3)]);
    const windows = await counts
      .addEach(new Map(keys as [string, number][]))
      .catch(() => missed('Redis has not answered in time'));
    expect(windows.map(({ requests }) => requests)).toEqual(
      keys.map(([key, count]) => (key === 'user-7' ? 2 : 0) + Number(count)),
    );
    for (const { endsInMs } of windows) expect(endsInMs).toBeGreaterThan(0);
    expect(await countIn('commandstats', 'cmdstat_evalsha:calls')).toBe(sent + 1);
    expect(await redis.command('DBSIZE')).toBe(1_000);
    expect(log).toEqual([]);
  });

  it('has a mutex that ends by itself, no later than a lease', async () => {
    const connection = connect(redis.url);
    await isUp(connection);
    await redisDutyMutex(connection).acquire('stock_check');
    const [key] = (await redis.command('KEYS', '*')) as string[];
    expect(key).toBe('mutex:firstcome:test:duty:stock_check');
    const leftMs = Number(await redis.command('PTTL', String(key)));
    expect(leftMs).toBeGreaterThan(0);
    expect(leftMs).toBeLessThanOrEqual(leaseMs);
  });

  it('gives back at once a mutex that a late command has acquired', async () => {
    const connection = connect(redis.url);
    await isUp(connection);
    redis.freeze();
    expect(await redisDutyMutex(connection).acquire('stock_check')).toBe('unknown');
    redis.resume();
    await waitFor(
      'acquisition',
      async () => (await countIn('commandstats', 'cmdstat_set:calls')) >= 1,
    );
    await waitFor('end of the mutex', async () => (await redis.command('DBSIZE')) === 0);
    expect(await countIn('stats', 'expired_keys')).toBe(0);
  });

  it('gives back a mutex whose answer was lost before it acquires it again', async () => {
    const connection = connect(redis.url);
    await isUp(connection);
    const mutex = redisDutyMutex(connection);
    redis.freeze();
    const { stream } = connection.client;
    const bytes = stream.bytesWritten;
    const attempt = mutex.acquire('stock_check');
    await waitFor('command', () => stream.bytesWritten > bytes, { everyMs: 1 });
    connection.client.disconnect(true);
    expect(await attempt).toBe('unknown');
    redis.resume();
    await waitFor('mutex', async () => (await redis.command('DBSIZE')) !== 0);
    await isUp(connection);
    expect(await acquire(mutex, 'stock_check')).toBe('acquired');
    expect(await countIn('stats', 'expired_keys')).toBe(0);
  });

  it('follows the Sentinels to the new master', async () => {
    const cluster = await startSentinelCluster('secret');
    opened.push(cluster);
    const connection = connect(cluster.url.replace('//', '//:secret@'));
    const messages: string[] = [];
    connection.subscribe('news', (message) => messages.push(message));
    await isUp(connection);
    await cluster.primary.stop();
    expect(await failure(connection)).toBeInstanceOf(RedisAwayError);
    // The master ends the connections once more when it has become one.
    const set = () => connection.run((client) => client.set('firstcome:test:key', 'value'));
    await waitFor('the new master', async () => {
      const isSet = await set().then(
        () => true,
        () => false,
      );
      return isSet && (await cluster.replica.command('GET', 'firstcome:test:key')) === 'value';
    });
    await waitFor('message', async () => {
      await cluster.replica.command('PUBLISH', 'firstcome:test:news', 'first');
      return messages.includes('first');
    });
    log.length = 0;
    connect(`${cluster.url.replace('//', '//:secret@')}-other`);
    expect((await isLoggedAway()).reason).toContain('sentinel');
  });

  it('sends the password to a Sentinel that needs none as well', async () => {
    const locked = await startRedis({ settings: { requirepass: 'secret' } });
    const sentinel = await startSentinel(locked, { password: 'secret', isOpen: true });
    opened.push(locked, sentinel);
    await isUp(connect(`redis+sentinel://:secret@127.0.0.1:${sentinel.port}/${masterName}`));
    expect(log).toEqual([]);
  });
});
