// SPDX-License-Identifier: GPL-3.0-or-later
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clientOf } from '../support/contract-client.ts';
import { expectApiHeaders, expectProblem } from '../support/contract-problems.ts';
import { ContractService, newName, pathOf, useService } from '../support/contract-service.ts';
import { hasRedis, type RedisServer, startRedis } from '../support/redis-server.ts';
import { patience } from '../support/service.ts';
import { createTestDatabase } from '../support/test-database.ts';
import { missed } from '../support/wait-for.ts';

describe('a coupon read without REDIS_URL', () => {
  const service = useService({ REDIS_URL: '' });

  it('is fresh and without Age, whatever the request accepts', async () => {
    const name = await service.createCoupon();
    await service.client.get(pathOf(name), { 'Cache-Control': 'max-age=60' });
    await service.mustClaim(name, { user: 'ada' });
    const answer = await service.client.get(pathOf(name), { 'Cache-Control': 'max-age=60' });
    expect(answer.json).toMatchObject({ remaining_amount: 9, claimed_by: ['ada'] });
    expect(answer.headers).not.toHaveProperty('age');
    const list = await service.client.get('/api/coupons', { 'Cache-Control': 'max-age=60' });
    expect(list.headers).not.toHaveProperty('age');
  });
});

describe.skipIf(!(await hasRedis()))('a coupon read with REDIS_URL', () => {
  const adminKey = 'an-admin-key-of-more-than-32-characters';
  let redis: RedisServer;
  const service = new ContractService();
  const other = new ContractService();
  const caching = new ContractService();

  beforeAll(async () => {
    redis = await startRedis();
    service.database = await createTestDatabase();
    other.database = service.database;
    caching.database = service.database;
    const env = { ...patience, REDIS_URL: redis.url, ADMIN_API_KEY: adminKey };
    await service.start(env);
    await other.start(env);
    await caching.start({ ...env, STOCK_CACHE_MAX_AGE_MS: '60000' });
    for (const one of [service, other, caching]) {
      one.client = clientOf(one.client.url, { Authorization: `Bearer ${adminKey}` });
    }
  });
  afterAll(async () => {
    for (const one of [service, other, caching]) await one.stop();
    await service.database?.drop();
    await redis?.remove();
  });

  /** A coupon that was read at one service, and then claimed at another: the first one still has its old view. */
  async function claimedElsewhere(reader = service): Promise<string> {
    const name = await reader.createCoupon();
    const first = await reader.client.get(pathOf(name), { 'Cache-Control': 'max-age=60' });
    expect(first.json).toMatchObject({ remaining_amount: 10 });
    await other.mustClaim(name, { user: 'ada' });
    return name;
  }

  /** A busy machine may have read the coupon anew meanwhile. */
  function assertOld({ json }: { json: { remaining_amount?: number } }): void {
    if (json.remaining_amount === 9) missed('the snapshot from before the claim');
  }

  it.each([
    ['no Cache-Control', undefined],
    ['max-age=0', 'max-age=0'],
    ['no-cache', 'no-cache'],
    ['no-store beside max-age', 'max-age=60, no-store'],
    ['a malformed max-age', 'max-age=soon'],
  ])('is fresh with %s', async (_, cacheControl) => {
    const name = await claimedElsewhere();
    const headers = cacheControl === undefined ? {} : { 'Cache-Control': cacheControl };
    const answer = await service.client.get(pathOf(name), headers);
    expect(answer.json).toMatchObject({ remaining_amount: 9, claimed_by: ['ada'] });
    expect(answer.headers).not.toHaveProperty('age');
    expectApiHeaders(answer);
  });

  it('is a snapshot that may be as old as max-age, with its Age and never with claimed_by', async () => {
    const name = await claimedElsewhere();
    const answer = await service.client.get(pathOf(name), { 'Cache-Control': 'max-age=60' });
    const { claimed_by: _, ...fresh } = (await service.client.get(pathOf(name))).json;
    expect(answer.status).toBe(200);
    assertOld(answer);
    expect(answer.json).toEqual({ ...fresh, remaining_amount: 10, claimed_by_hidden: true });
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(Number(answer.headers.age)).toBeGreaterThanOrEqual(1);
    expect(Number(answer.headers.age)).toBeLessThanOrEqual(60);
    expectApiHeaders(answer);
  });

  it('has Age 0 when it was read for this request', async () => {
    const name = await service.createCoupon();
    const answer = await service.client.get(pathOf(name), { 'Cache-Control': 'max-age=60' });
    expect(answer.json).toMatchObject({ remaining_amount: 10, claimed_by_hidden: true });
    expect(answer.headers.age).toBe('0');
  });

  it('answers HEAD like GET, without the body', async () => {
    const name = await claimedElsewhere();
    const headers = { 'Cache-Control': 'max-age=60' };
    const answer = await service.client.call({ method: 'HEAD', path: pathOf(name), headers });
    expect(answer.status).toBe(200);
    expect(Number(answer.headers.age)).toBeGreaterThanOrEqual(1);
    expect(answer.text).toBe('');
  });

  it('answers 404 for an unknown name, also when it is created afterwards at another service', async () => {
    const name = newName();
    const headers = { 'Cache-Control': 'max-age=60' };
    expectProblem(await service.client.get(pathOf(name), headers), 'coupon_not_found');
    await other.client.post('/api/coupons', { name, amount: 3 });
    expect((await service.client.get(pathOf(name), headers)).json).toMatchObject({ amount: 3 });
  });

  it('has lists whose pages are one snapshot that may be as old as max-age', async () => {
    const prefix = newName();
    const names = [`${prefix}-1`, `${prefix}-2`];
    for (const name of names) await other.client.post('/api/coupons', { name, amount: 10 });
    const list = (cacheControl?: string, more = '') =>
      service.client.get(`/api/coupons?limit=1&name_prefix=${prefix}${more}`, {
        ...(cacheControl !== undefined && { 'Cache-Control': cacheControl }),
      });
    const first = await list('max-age=60');
    expect(first.headers.age).toBe('0');
    await other.mustClaim(names[0] as string);
    const cached = await list('max-age=60');
    expect(cached.json).toEqual(first.json);
    expect(cached.headers.link).toBe(first.headers.link);
    expect(Number(cached.headers.age)).toBeGreaterThanOrEqual(1);
    expectApiHeaders(cached);
    for (const cacheControl of [undefined, 'no-cache', 'max-age=0']) {
      const fresh = await list(cacheControl);
      expect(fresh.json.coupons).toMatchObject([{ name: names[0], remaining_amount: 9 }]);
      expect(fresh.headers).not.toHaveProperty('age');
    }
    // The other page is another query.
    const next = await list('max-age=60', `&cursor=${first.json.next_cursor}`);
    expect(next.json.coupons).toMatchObject([{ name: names[1] }]);
    expect(next.headers.age).toBe('0');
  });

  it('has lists from the cache by default where STOCK_CACHE_MAX_AGE_MS says so', async () => {
    const name = newName();
    const list = (headers = {}) => caching.client.get(`/api/coupons?name_prefix=${name}`, headers);
    expect((await list()).json).toMatchObject({ coupons: [] });
    await other.client.post('/api/coupons', { name, amount: 10 });
    expect((await list()).json).toMatchObject({ coupons: [] });
    const fresh = await list({ 'Cache-Control': 'no-cache' });
    expect(fresh.json.coupons).toMatchObject([{ name }]);
  });

  it('is from the cache by default where STOCK_CACHE_MAX_AGE_MS says so', async () => {
    const name = await claimedElsewhere(caching);
    const read = (headers = {}) => caching.client.get(pathOf(name), headers);
    for (const headers of [{}, { 'Cache-Control': 'max-age=30' }]) {
      const answer = await read(headers);
      assertOld(answer);
      expect(answer.json).toMatchObject({ remaining_amount: 10, claimed_by_hidden: true });
    }
    for (const cacheControl of ['no-cache', 'max-age=0']) {
      const answer = await read({ 'Cache-Control': cacheControl });
      expect(answer.json).toMatchObject({ remaining_amount: 9, claimed_by: ['ada'] });
      expect(answer.headers).not.toHaveProperty('age');
    }
  });

  it.each(['?x=1', '?max-age=5'])('ignores the query %s', async (query) => {
    const name = await claimedElsewhere();
    const answer = await service.client.get(pathOf(name) + query, {
      'Cache-Control': 'max-age=60',
    });
    assertOld(answer);
    expect(answer.json).toMatchObject({ remaining_amount: 10 });
  });
});
