// SPDX-License-Identifier: GPL-3.0-or-later
import { once } from 'node:events';
import net from 'node:net';
import pg from 'pg';
import { describe, expect, inject, it } from 'vitest';
import { parseAnswer } from '../support/contract-client.ts';
import { expectApiHeaders, expectProblem, retryAfterOf } from '../support/contract-problems.ts';
import { decidesAtOnce, newName, pathOf, until, useService } from '../support/contract-service.ts';

const checks = ['/health', '/api/health', '/readyz'];

describe('GET /health, /api/health and /readyz', () => {
  const service = useService();

  it.each(checks)('%s answers 200 while claims can be decided', async (path) => {
    const answer = await service.client.get(path);
    expect(answer.status).toBe(200);
    const { duties: _, ...body } = answer.json;
    expect(body).toEqual({
      status: 'healthy',
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      database: 'external',
      durability: 'local',
      ...(inject('amqpUrl') !== undefined && { queue: 'up' }),
    });
    expectApiHeaders(answer);
  });

  it.each(checks)('%s shows for each duty which process runs it and since when', async (path) => {
    const answer = await until(
      () => service.client.get(path),
      ({ json }) => json.duties?.every(({ node }: { node?: string }) => node !== undefined),
    );
    const held = { node: expect.stringMatching(/^.+\/\d+$/), since: expect.stringMatching(/Z$/) };
    expect(answer.json.duties).toEqual([
      { name: 'event_relay', ...held },
      { name: 'expiry_sweep', ...held },
      { name: 'stock_check', ...held },
      { name: 'ticket_retention', ...held },
    ]);
  });

  it('/livez answers 200 without checking the database', async () => {
    const answer = await service.client.get('/livez');
    expect(answer.status).toBe(200);
    expect(answer.json).toEqual({ status: 'alive' });
  });
});

describe('GET /health while the database is gone', () => {
  const service = useService({ ...decidesAtOnce, CLAIM_TIMEOUT_MS: '4000' });

  /** Runs on another database of the same server, since the closed one accepts no session. */
  async function onServer(run: (client: pg.Client, name: string) => Promise<unknown>) {
    const client = new pg.Client({ connectionString: inject('postgresUrl') });
    await client.connect();
    try {
      await run(client, new URL(service.database.url).pathname.slice(1));
    } finally {
      await client.end();
    }
  }
  const takeAway = () =>
    onServer(async (client, name) => {
      await client.query(`alter database ${name} with allow_connections false`);
      const cut = 'select pg_terminate_backend(pid) from pg_stat_activity where datname = $1';
      // A session that ends later, or has just begun, could still decide a claim.
      await until(
        () => client.query(cut, [name]),
        ({ rows }) => rows.length === 0,
      );
    });
  const giveBack = () =>
    onServer((client, name) => client.query(`alter database ${name} with allow_connections true`));
  const statusOf = async (path: string) => (await service.client.get(path)).status;

  it('without its database the service is unhealthy, refuses without effect, and recovers', async () => {
    const { client } = service;
    const coupon = await service.createCoupon();
    await service.mustClaim(coupon, { user: 'ada', key: 'k' });
    await takeAway();
    try {
      await until(
        () => statusOf('/health'),
        (status) => status === 503,
      );
      for (const path of checks) {
        const answer = await client.get(path);
        expect(answer.status).toBe(503);
        expect(answer.json).toMatchObject({ status: 'unhealthy', database: 'external' });
        expectApiHeaders(answer);
      }
      expect(await statusOf('/livez')).toBe(200);
      for (const answer of [
        await client.claim('bob', coupon),
        await client.claim('bob', newName()),
        await client.get(pathOf(coupon)),
        await client.get('/api/coupons'),
        await client.get(pathOf(coupon, 'claims')),
        await client.get(pathOf(coupon, 'claims', 'ada')),
        await client.get(pathOf(coupon, 'claims'), { Accept: 'text/csv' }),
        await client.post('/api/coupons', { name: newName(), amount: 1 }),
        await client.patch(pathOf(coupon), { paused: true }),
        await client.post(pathOf(coupon, 'stock'), { add: 1 }),
      ]) {
        expectProblem(answer, 'unavailable');
        expect(retryAfterOf(answer)).toBeLessThanOrEqual(3);
      }
      // Responses that need no database stay the same.
      expectProblem(await client.post('/api/coupons', { name: '' }), 'invalid_request');
      expectProblem(await client.get('/nowhere'), 'route_not_found');
      expect(await statusOf('/openapi.json')).toBe(200);
    } finally {
      await giveBack();
    }
    await until(
      () => statusOf('/health'),
      (status) => status === 200,
    );
    expect((await client.get(pathOf(coupon))).json).toMatchObject({
      ...{ amount: 10, remaining_amount: 9, claimed_by: ['ada'], paused: false },
    });
    expect((await client.claim('ada', coupon, 'k')).headers['idempotency-replayed']).toBe('true');
    expect((await service.mustClaim(coupon, { user: 'bob' })).json.position).toBe(2);
  });

  it('/health answers 503 while the database accepts no writes', async () => {
    await onServer((client, name) =>
      client.query(`alter database ${name} set default_transaction_read_only = on`),
    );
    await takeAway();
    await giveBack();
    const body = await until(
      () => service.client.get('/health'),
      (answer) => answer.status === 503,
    );
    expect(body.json.status).toBe('unhealthy');
    expectProblem(
      await service.client.post('/api/coupons', { name: newName(), amount: 1 }),
      'unavailable',
    );
    await onServer((client, name) =>
      client.query(`alter database ${name} reset default_transaction_read_only`),
    );
    await takeAway();
    await giveBack();
    await until(
      () => statusOf('/health'),
      (status) => status === 200,
    );
  });
});

describe('GET /readyz while the service stops', () => {
  const service = useService();

  it('a stop makes /readyz return 503 first, while requests are still served', async () => {
    await service.withAnother({ SHUTDOWN_DELAY_MS: '4000' }, async (other) => {
      const { app, client } = other;
      const coupon = await other.createCoupon();
      const stopped = app.stop();
      const answer = await client.get('/readyz');
      expect(answer.status).toBe(503);
      expect(answer.json.status).toBe('unhealthy');
      expect((await client.get('/health')).status).toBe(200);
      expect((await client.get('/livez')).status).toBe(200);
      await other.mustClaim(coupon);
      await stopped;
      await expect(client.get('/livez')).rejects.toThrow();
    });
  });

  it('a request that arrives after the delay of a stop is refused and ends its connection', async () => {
    const env = { SHUTDOWN_TIMEOUT_MS: '20000', CORS_ORIGINS: 'https://shop.example' };
    await service.withAnother(env, async ({ app, client }) => {
      const socket = net.connect({ port: client.port, host: '127.0.0.1' });
      let received = '';
      socket.on('data', (chunk) => {
        received += chunk;
      });
      socket.write('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n');
      await once(socket, 'data');
      received = '';
      // A request that has begun keeps its connection open.
      socket.write('GET /api/coupons HTTP/1.1\r\nHost: local');
      await client.get('/livez');
      const stopped = app.stop();
      await until(
        () => client.get('/livez').catch(() => undefined),
        (answer) => answer === undefined,
      );
      socket.write('host\r\nOrigin: https://shop.example\r\n\r\n');
      await once(socket, 'close');
      const answer = parseAnswer(received);
      expectProblem(answer, 'unavailable');
      expect(answer.headers.connection).toBe('close');
      // A page of an allowed origin can read Retry-After.
      expect(answer.headers['access-control-allow-origin']).toBe('https://shop.example');
      await stopped;
    });
  });
});

describe('GET /metrics', () => {
  const service = useService();

  it('/metrics has the Prometheus text format and counts claims without names of users', async () => {
    const coupon = await service.createCoupon();
    await service.mustClaim(coupon, { user: 'user-canary' });
    const answer = await service.client.get('/metrics');
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(answer.text).toMatch(/^# HELP /m);
    expect(answer.text).toMatch(/\{[^}]*outcome="claimed"[^}]*\} 1$/m);
    expect(answer.text).not.toContain('canary');
  });
});
