// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { adminKey, bearers, claimKey } from '../support/access-keys.ts';
import { expectProblem } from '../support/contract-problems.ts';
import { newName, pathOf, useService } from '../support/contract-service.ts';
import { startService } from '../support/service.ts';

describe('a key', () => {
  const service = useService({ ADMIN_API_KEY: adminKey, CLAIM_API_KEY: claimKey });
  const listWith = (Authorization: string) => service.client.get('/api/coupons', { Authorization });

  it.each(['Bearer', 'bearer', 'BEARER'])(
    'a key is accepted under the scheme %s',
    async (scheme) => {
      expect((await listWith(`${scheme} ${adminKey}`)).status).toBe(200);
    },
  );

  it.each([
    ...['', 'Bearer', 'Bearer ', adminKey, `Basic ${adminKey}`, `Bearer${adminKey}`, 'Bearer null'],
    ...[
      `Bearer ${adminKey}x`,
      `Bearer ${adminKey.slice(0, -1)}`,
      `Bearer ${adminKey.toUpperCase()}`,
    ],
    ...[`Bearer ${adminKey} ${adminKey}`, `Bearer "${adminKey}"`, `Bearer Bearer ${adminKey}`],
    ...[`Basic ${Buffer.from(`:${adminKey}`).toString('base64')}`, 'Bearer \u00e9'],
  ])('the header Authorization "%s" carries no valid key', async (authorization) => {
    expectProblem(await listWith(authorization), 'unauthorized');
  });

  it('a key in the query or in another header is not accepted', async () => {
    for (const query of [`?api_key=${adminKey}`, `?access_token=${adminKey}`]) {
      expectProblem(await service.client.get(`/api/coupons${query}`), 'unauthorized');
    }
    for (const header of ['X-Api-Key', 'Proxy-Authorization', 'Cookie']) {
      const headers = { [header]: `Bearer ${adminKey}` };
      expectProblem(await service.client.get('/api/coupons', headers), 'unauthorized');
    }
  });

  it('a call without a key is 401 before its body or path is judged', async () => {
    for (const body of ['garbage', 'x'.repeat(20_000), { name: 5 }]) {
      expectProblem(await service.client.post('/api/coupons', body), 'unauthorized');
      expectProblem(await service.client.post('/api/coupons/claim', body), 'unauthorized');
    }
    expectProblem(await service.client.get(pathOf(newName(), 'claims')), 'unauthorized');
    expectProblem(await service.client.get(pathOf(newName(), 'claims', 'ada')), 'unauthorized');
  });

  it('a call with a key for other calls is 403 before its body or path is judged', async () => {
    for (const body of ['garbage', 'x'.repeat(20_000), { name: 5 }]) {
      const answer = await service.client.post('/api/coupons', body, bearers.claim);
      expectProblem(answer, 'forbidden');
    }
    const unknown = pathOf(newName(), 'claims');
    expectProblem(await service.client.get(unknown, bearers.claim), 'forbidden');
  });

  it('an unknown path and a wrong method need no key to be reported', async () => {
    expectProblem(await service.client.get('/nowhere'), 'route_not_found');
    const wrong = await service.client.call({ method: 'DELETE', path: '/api/coupons' });
    expectProblem(wrong, 'method_not_allowed');
  });

  it('the claim key claims a coupon that the admin key has created', async () => {
    const coupon = newName();
    const offer = { name: coupon, amount: 10 };
    const created = await service.client.post('/api/coupons', offer, bearers.admin);
    expect(created.status, created.text).toBe(201);
    const body = { user_id: 'ada', coupon_name: coupon };
    const answer = await service.client.post('/api/coupons/claim', body, bearers.claim);
    expect(answer.status).toBe(200);
  });
});

describe('a service without an admin key', () => {
  const service = useService({ HOST: '0.0.0.0', ALLOW_ANONYMOUS_ADMIN: 'true' });

  it('/health reports anonymous_admin where administration needs no key', async () => {
    expect((await service.client.get('/health')).json.anonymous_admin).toBe(true);
  });

  it('where administration needs no key, every caller can create, list and read holders', async () => {
    const coupon = await service.createCoupon();
    await service.mustClaim(coupon, { user: 'ada' });
    expect((await service.client.get(pathOf(coupon))).json.claimed_by).toEqual(['ada']);
    expect((await service.client.get('/api/coupons')).status).toBe(200);
  });
});

describe('a service that other machines can reach', () => {
  it('a service that other machines can reach does not start without an admin key or ALLOW_ANONYMOUS_ADMIN', async () => {
    const env = { HOST: '0.0.0.0', DATABASE_URL: 'postgres://127.0.0.1:1/none' };
    await expect(startService(env)).rejects.toThrow(/ADMIN_API_KEY.*ALLOW_ANONYMOUS_ADMIN/);
  });

  it('a service whose viewer key is its admin key does not start, and the message names both', async () => {
    const env = { ADMIN_API_KEY: adminKey, VIEWER_API_KEY: adminKey };
    await expect(startService(env)).rejects.toThrow(
      'VIEWER_API_KEY must differ from ADMIN_API_KEY',
    );
  });
});
