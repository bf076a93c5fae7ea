// SPDX-License-Identifier: GPL-3.0-or-later
/** What a service loads for RabbitMQ, and how it starts with it: nothing without AMQP_URL, and never waiting for it. */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { clientOf } from '../support/contract-client.ts';
import { lackingPackage } from '../support/lacking-package.ts';
import { endServiceProcesses, runToEnd, startServiceProcess } from '../support/service-process.ts';
import { createTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

const nowhere = 'amqp://ada:secret@127.0.0.1:1';

let folder: string;
let database: TestDatabase;
let env: Record<string, string>;

beforeAll(async () => {
  folder = await createTemporaryFolder('loading');
  database = await createTestDatabase();
  env = { DATABASE_URL: database.url };
});

afterEach(() => endServiceProcesses());

afterAll(async () => {
  await database?.drop();
  await removeTemporaryFolder(folder);
});

it('without AMQP_URL the package of RabbitMQ is not loaded, and there are no tickets', async () => {
  const service = await startServiceProcess({
    ...{ ...env, ...(await lackingPackage(folder, 'amqplib')) },
  });
  const client = clientOf(service.url);
  expect((await client.post('/api/coupons', { name: 'spring', amount: 1 })).status).toBe(201);
  expect((await client.claim('ada', 'spring')).status).toBe(200);
  expect((await client.get('/api/tickets/any')).json).toMatchObject({ code: 'route_not_found' });
  client.close();
  service.signal('SIGTERM');
  expect(await service.ended(), service.output()).toMatchObject({ code: 0 });
  expect(service.output()).not.toContain('asked for');
});

it('with AMQP_URL a missing package ends the start, with its name', async () => {
  const { code, output } = await runToEnd({
    ...{ ...env, ...(await lackingPackage(folder, 'amqplib')), AMQP_URL: nowhere },
  });
  expect(code).not.toBe(0);
  expect(output).toContain('AMQP_URL is set, but the package amqplib is not installed');
  expect(output).not.toContain('serves on');
});

it('starts, reads and stops where there is no RabbitMQ, and refuses queued claims, with one line in the log', async () => {
  const service = await startServiceProcess({ ...env, AMQP_URL: nowhere, CLAIM_MODE: 'queued' });
  const client = clientOf(service.url);
  expect((await client.post('/api/coupons', { name: 'autumn', amount: 1 })).status).toBe(201);
  const refused = await client.claim('ada', 'autumn');
  expect(refused.json).toMatchObject({ status: 503, code: 'unavailable', effect: 'none' });
  expect((await client.get('/api/coupons/autumn')).json).toMatchObject({ remaining_amount: 1 });
  await waitFor('line about the outage', () => service.output().includes('RabbitMQ is away'));
  expect((await client.get('/health')).json).toMatchObject({ status: 'healthy' });
  client.close();
  service.signal('SIGTERM');
  expect(await service.ended(), service.output()).toMatchObject({ code: 0 });
  expect(service.output().split('RabbitMQ is away')).toHaveLength(2);
  expect(service.output()).not.toContain('secret');
});
