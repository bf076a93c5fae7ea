// SPDX-License-Identifier: GPL-3.0-or-later
/** What a service loads for Redis, and how it starts with it: nothing without REDIS_URL, and never waiting for it. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { makeAuthority, makeCertificate } from '../support/certificates.ts';
import { clientOf } from '../support/contract-client.ts';
import { masterName, startSentinel } from '../support/redis-sentinels.ts';
import {
  hasRedis,
  type RedisServer,
  type RedisServerOptions,
  startRedis,
} from '../support/redis-server.ts';
import {
  endServiceProcesses,
  patience,
  runToEnd,
  startServiceProcess,
} from '../support/service-process.ts';
import { createTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

const packages = ['ioredis', 'redis-semaphore', 'rate-limiter-flexible'];

let folder: string;
let database: TestDatabase;
let env: Record<string, string>;

beforeAll(async () => {
  folder = await createTemporaryFolder('loading');
  database = await createTestDatabase();
  env = { ...patience, DATABASE_URL: database.url };
});

afterEach(() => endServiceProcesses());

afterAll(async () => {
  await database?.drop();
  await removeTemporaryFolder(folder);
});

/** Without these packages, and with a line for each attempt to load one. */
async function lacking(...names: string[]): Promise<Record<string, string>> {
  const hooks = join(folder, `${names.join('-')}.mjs`);
  await writeFile(
    hooks,
    `import { writeSync } from 'node:fs';
     export async function resolve(specifier, context, next) {
       if (!${JSON.stringify(names)}.includes(specifier)) return next(specifier, context);
       writeSync(2, 'asked for ' + specifier + '\\n');
       const error = new Error("Cannot find package '" + specifier + "'");
       throw Object.assign(error, { code: 'ERR_MODULE_NOT_FOUND' });
     }`,
  );
  const register = `${hooks}-register.mjs`;
  const url = JSON.stringify(pathToFileURL(hooks));
  await writeFile(register, `import { register } from 'node:module'; register(${url});`);
  return { NODE_OPTIONS: `--import ${pathToFileURL(register).href}` };
}

async function isUp({ url }: { url: string }): Promise<boolean | undefined> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const found = /^firstcome_redis_up (\d)$/m.exec(text);
  return found === null ? undefined : found[1] === '1';
}

it('without REDIS_URL no package for Redis is loaded, and no metric of it is shown', async () => {
  const service = await startServiceProcess({ ...env, ...(await lacking(...packages)) });
  const client = clientOf(service.url);
  expect((await client.post('/api/coupons', { name: 'spring', amount: 1 })).status).toBe(201);
  expect((await client.claim('ada', 'spring')).status).toBe(200);
  expect((await client.claim('bob', 'spring')).json).toMatchObject({ code: 'sold_out' });
  expect(await isUp(service)).toBeUndefined();
  client.close();
  service.signal('SIGTERM');
  expect(await service.ended(), service.output()).toMatchObject({ code: 0 });
  expect(service.output()).not.toContain('asked for');
});

it.each([
  ['ioredis', {}],
  ['redis-semaphore', {}],
  ['rate-limiter-flexible', { RATE_LIMIT_ALL: '1000/1s' }],
])('with REDIS_URL a missing %s ends the start, with its name', async (name, more) => {
  const { code, output } = await runToEnd({
    ...{ ...env, ...more, REDIS_URL: 'redis://127.0.0.1:1' },
    ...(await lacking(name)),
  });
  expect(code).not.toBe(0);
  expect(output).toContain(`the package ${name} is not installed`);
  expect(output).not.toContain('serves on');
});

it('starts, sells and stops where there is no Redis, with one line in the log', async () => {
  const service = await startServiceProcess({ ...env, REDIS_URL: 'redis://:secret@127.0.0.1:1' });
  const client = clientOf(service.url);
  expect((await client.post('/api/coupons', { name: 'autumn', amount: 1 })).status).toBe(201);
  expect((await client.claim('ada', 'autumn')).status).toBe(200);
  await waitFor('line about the outage', () => service.output().includes('Redis is away'));
  expect(await isUp(service)).toBe(false);
  expect((await client.get('/health')).json).toMatchObject({ status: 'healthy' });
  client.close();
  service.signal('SIGTERM');
  expect(await service.ended(), service.output()).toMatchObject({ code: 0 });
  expect(service.output().split('Redis is away')).toHaveLength(2);
  expect(service.output()).not.toContain('secret');
});

describe.skipIf(!(await hasRedis()))('with rediss://', () => {
  let redis: RedisServer;
  let tls: NonNullable<RedisServerOptions['tls']>;

  beforeAll(async () => {
    const authority = makeAuthority(folder, 'authority');
    const { cert: certFile, key: keyFile } = makeCertificate(folder, authority, { name: 'redis' });
    tls = { certFile, keyFile, caFile: authority.cert };
    redis = await startRedis({ tls });
  });
  afterAll(() => redis?.remove());

  it('uses a server whose certificate is signed by an authority of NODE_EXTRA_CA_CERTS', async () => {
    const service = await startServiceProcess({
      ...{ ...env, REDIS_URL: redis.url, NODE_EXTRA_CA_CERTS: tls.caFile },
    });
    await waitFor('Redis', () => isUp(service));
  });

  it('uses Sentinels and their server with TLS by rediss+sentinel://', async () => {
    const sentinel = await startSentinel(redis, { tls });
    try {
      const REDIS_URL = `rediss+sentinel://127.0.0.1:${sentinel.port}/${masterName}`;
      const service = await startServiceProcess({
        ...{ ...env, REDIS_URL, NODE_EXTRA_CA_CERTS: tls.caFile },
      });
      await waitFor('Redis', () => isUp(service));
    } finally {
      await sentinel.remove();
    }
  });

  it('says that the server requires TLS where the URL does not use it', async () => {
    const REDIS_URL = redis.url.replace('rediss:', 'redis:');
    const service = await startServiceProcess({ ...env, REDIS_URL });
    await waitFor('line about the outage', () => service.output().includes('Redis is away'));
    expect(service.output()).toContain('perhaps the server requires TLS');
  });

  it('uses no server whose certificate is not trusted, and says why', async () => {
    const service = await startServiceProcess({ ...env, REDIS_URL: redis.url });
    await waitFor('line about the outage', () => service.output().includes('Redis is away'));
    expect(service.output()).toMatch(/certificate/);
    expect(await isUp(service)).toBe(false);
  });
});
