// SPDX-License-Identifier: GPL-3.0-or-later
/** The passwords that compose.yaml creates for its PostgreSQL servers, its Redis and its RabbitMQ. */
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readCompose } from '../support/compose-files.ts';
import {
  configOfNode,
  type PasswordServer,
  useComposeVolumes,
  volumeOf,
  writePassword,
} from '../support/compose-volumes.ts';

const plain = readCompose(['compose.yaml'], {
  REDIS_URL_FILE: '/run/redis/redis-url',
  AMQP_URL_FILE: '/run/rabbitmq/amqp-url',
});

useComposeVolumes();

const pathOf = (path: string) => {
  const [server = '', name = ''] = path.split('/');
  return join(volumeOf(server as PasswordServer), name);
};
const read = (path: string) => readFileSync(pathOf(path), 'utf8');
const modeOf = (path: string) => statSync(pathOf(path)).mode & 0o777;

describe('the passwords of compose.yaml', () => {
  it('creates one password, and uses it for the URL and the database', () => {
    const config = configOfNode(plain, 'service');
    const url = new URL(config.database.url?.reveal() ?? '');
    const { POSTGRES_USER, POSTGRES_DB, POSTGRES_PASSWORD_FILE } =
      plain.services.postgres?.environment ?? {};
    expect(read('postgres/password')).toMatch(/^[0-9a-f]{64}$/);
    expect(POSTGRES_PASSWORD_FILE).toBe('/run/firstcome/password');
    expect([url.username, url.password, url.hostname, url.pathname]).toEqual([
      ...[POSTGRES_USER, read('postgres/password'), 'postgres'],
      `/${POSTGRES_DB}`,
    ]);
    expect(readdirSync(volumeOf('postgres')).sort()).toEqual(['database-url', 'password']);
    expect(modeOf('postgres/password')).toBe(0o440);
    expect(modeOf('postgres/database-url')).toBe(0o400);
  });

  it('creates another password for Redis, which the nodes and Redis use', () => {
    const config = configOfNode(plain, 'service');
    const password = read('redis/password');
    expect(password).toMatch(/^[0-9a-f]{64}$/);
    expect(password).not.toBe(read('postgres/password'));
    expect(config.redis.url?.reveal()).toBe(`redis://:${password}@redis:6379`);
    expect(read('redis/redis.conf')).toBe(`requirepass ${password}\n`);
    expect(plain.services.redis?.command).toContain('/run/redis/redis.conf');
    expect(readdirSync(volumeOf('redis')).sort()).toEqual([
      ...['password', 'redis-url', 'redis.conf'],
    ]);
    expect(modeOf('redis/redis.conf')).toBe(0o440);
    expect([modeOf('redis/password'), modeOf('redis/redis-url')]).toEqual([0o400, 0o400]);
  });

  it('creates another password for RabbitMQ, which the nodes and RabbitMQ use', () => {
    const config = configOfNode(plain, 'service');
    const password = read('rabbitmq/password');
    expect(new Set([password, read('redis/password'), read('postgres/password')]).size).toBe(3);
    expect(config.queue.url?.reveal()).toBe(`amqp://firstcome:${password}@rabbitmq:5672`);
    expect(read('rabbitmq/rabbitmq.conf')).toBe(
      `default_user = firstcome\ndefault_pass = ${password}\n`,
    );
    expect(plain.services.rabbitmq?.environment).toEqual({
      RABBITMQ_CONFIG_FILE: '/run/rabbitmq/rabbitmq.conf',
    });
    expect(modeOf('rabbitmq/rabbitmq.conf')).toBe(0o440);
    expect([modeOf('rabbitmq/password'), modeOf('rabbitmq/amqp-url')]).toEqual([0o400, 0o400]);
  });

  it('creates three passwords for Patroni: of the superuser, of the replication and of the nodes', () => {
    writePassword('postgres');
    writePassword('patroni');
    const lines = read('patroni/patroni.env').trimEnd().split('\n');
    const exported = lines.map((line) => /^export (\w+)=([0-9a-f]{64})$/.exec(line)?.slice(1));
    expect(Object.fromEntries(exported as [string, string][])).toEqual({
      PATRONI_SUPERUSER_PASSWORD: read('patroni/superuser-password'),
      PATRONI_REPLICATION_PASSWORD: read('patroni/replication-password'),
      PATRONI_firstcome_PASSWORD: read('patroni/password'),
    });
    expect(new Set([...exported.map((pair) => pair?.[1]), read('postgres/password')]).size).toBe(4);
    expect(modeOf('patroni/patroni.env')).toBe(0o440);
    const others = readdirSync(volumeOf('patroni')).filter((name) => name !== 'patroni.env');
    expect(others.map((name) => modeOf(`patroni/${name}`))).toEqual(others.map(() => 0o400));
  });

  it('lets each server read only its own password', () => {
    const mounted = (name: string) => plain.services[name]?.volumes?.join() ?? '';
    expect(mounted('postgres')).not.toMatch(/redis|patroni/);
    expect(mounted('patroni-1')).toBe(
      './deploy/patroni/patroni.yml:/etc/patroni.yml:ro,patroni-password:/run/patroni:ro,patroni-1:/var/lib/patroni',
    );
    expect(mounted('etcd')).toBe('etcd:/var/lib/etcd');
    expect(mounted('database')).not.toContain('password');
    expect(mounted('redis')).toBe('redis-password:/run/redis:ro');
    expect(mounted('rabbitmq')).toBe('rabbitmq-password:/run/rabbitmq:ro,queue:/var/lib/rabbitmq');
  });

  it.each(['postgres', 'patroni', 'redis', 'rabbitmq'] as const)(
    'keeps the password of %s at the next start',
    (server) => {
      const contents = () =>
        readdirSync(volumeOf(server))
          .sort()
          .map((name) => read(`${server}/${name}`));
      writePassword(server);
      const before = contents();
      writePassword(server);
      expect(contents()).toEqual(before);
    },
  );

  it.each([
    ['postgres', 'database-url'],
    ['patroni', 'servers-url'],
    ['redis', 'redis-url'],
    ['rabbitmq', 'amqp-url'],
  ] as const)('recovers from an interrupted write of the password of %s', (server, urlFile) => {
    writeFileSync(join(volumeOf(server), 'password.new'), 'ab');
    writePassword(server);
    const password = read(`${server}/password`);
    expect(password).toHaveLength(64);
    rmSync(join(volumeOf(server), urlFile));
    writePassword(server);
    expect(read(`${server}/password`)).toBe(password);
    expect(read(`${server}/${urlFile}`)).toContain(`:${password}@`);
  });

  it('runs Redis in memory only, with a limit at which it forgets', () => {
    const [program, , ...options] = plain.services.redis?.command ?? [];
    expect(program).toBe('redis-server');
    const given = Object.fromEntries(
      options.flatMap((option, index) => (index % 2 === 0 ? [[option, options[index + 1]]] : [])),
    );
    expect(given).toEqual({
      ...{ '--save': '', '--appendonly': 'no' },
      ...{ '--maxmemory': expect.stringMatching(/^\d+mb$/), '--maxmemory-policy': 'allkeys-lru' },
    });
  });
});
