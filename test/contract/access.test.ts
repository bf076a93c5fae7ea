// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import type { Call } from '../support/contract-client.ts';
import { expectProblem } from '../support/contract-problems.ts';
import { type ContractService, newName, pathOf, useService } from '../support/contract-service.ts';
import { startService } from '../support/service.ts';

const adminKey = 'admin-key-of-thirty-two-characters!';
const claimKey = 'claim-key-of-thirty-two-characters!';

const bearers = {
  none: {},
  wrong: { Authorization: 'Bearer wrong-key-of-thirty-two-characters!' },
  claim: { Authorization: `Bearer ${claimKey}` },
  admin: { Authorization: `Bearer ${adminKey}` },
};

type Bearer = keyof typeof bearers;

/** Every call: which key it needs, and how it is made for a coupon that `holder` holds. */
const calls: Record<string, { for: 'admin' | 'claim' | 'all'; make(coupon: string): Call }> = {
  'create a coupon': {
    for: 'admin',
    make: () => ({ method: 'POST', path: '/api/coupons', body: { name: newName(), amount: 1 } }),
  },
  'list coupons': { for: 'admin', make: () => ({ method: 'GET', path: '/api/coupons' }) },
  'change a coupon': {
    for: 'admin',
    make: (coupon) => ({ method: 'PATCH', path: pathOf(coupon), body: { paused: false } }),
  },
  'add stock': {
    for: 'admin',
    make: (coupon) => ({ method: 'POST', path: pathOf(coupon, 'stock'), body: { add: 1 } }),
  },
  'list claims': {
    for: 'admin',
    make: (coupon) => ({ method: 'GET', path: pathOf(coupon, 'claims') }),
  },
  'export claims as CSV': {
    for: 'admin',
    make: (coupon) => ({
      ...{ method: 'GET', path: pathOf(coupon, 'claims'), headers: { Accept: 'text/csv' } },
    }),
  },
  'list coupons by HEAD': { for: 'admin', make: () => ({ method: 'HEAD', path: '/api/coupons' }) },
  "list one user's claims of all coupons": {
    for: 'admin',
    make: () => ({ method: 'GET', path: '/api/claims?user_id=holder' }),
  },
  'read the operator log': {
    for: 'admin',
    make: () => ({ method: 'GET', path: '/api/operator-log' }),
  },
  'archive a coupon': {
    for: 'admin',
    make: (coupon) => ({ method: 'PATCH', path: pathOf(coupon), body: { archived: true } }),
  },
  'read the metrics': { for: 'admin', make: () => ({ method: 'GET', path: '/metrics' }) },
  claim: {
    for: 'claim',
    make: (coupon) => ({
      method: 'POST',
      path: '/api/coupons/claim',
      body: { user_id: newName('user'), coupon_name: coupon },
    }),
  },
  "read one user's claim": {
    for: 'claim',
    make: (coupon) => ({ method: 'GET', path: pathOf(coupon, 'claims', 'holder') }),
  },
  'read a coupon': { for: 'all', make: (coupon) => ({ method: 'GET', path: pathOf(coupon) }) },
  'read the health': { for: 'all', make: () => ({ method: 'GET', path: '/health' }) },
  'read the readiness': { for: 'all', make: () => ({ method: 'GET', path: '/readyz' }) },
  'read the liveness': { for: 'all', make: () => ({ method: 'GET', path: '/livez' }) },
  'read the description': { for: 'all', make: () => ({ method: 'GET', path: '/openapi.json' }) },
  'read the docs': { for: 'all', make: () => ({ method: 'GET', path: '/docs' }) },
};

async function aHeldCoupon(service: ContractService): Promise<string> {
  const name = newName();
  const body = { name, amount: 50 };
  await service.client.post('/api/coupons', body, bearers.admin);
  const claim = { user_id: 'holder', coupon_name: name };
  await service.client.post('/api/coupons/claim', claim, bearers.claim);
  return name;
}

describe.each([
  [
    'no keys',
    {},
    { admin: ['none', 'wrong', 'claim', 'admin'], claim: ['none', 'wrong', 'claim', 'admin'] },
  ],
  [
    'ADMIN_API_KEY',
    { ADMIN_API_KEY: adminKey },
    { admin: ['admin'], claim: ['none', 'wrong', 'claim', 'admin'] },
  ],
  [
    'CLAIM_API_KEY',
    { CLAIM_API_KEY: claimKey },
    { admin: ['none', 'wrong', 'claim', 'admin'], claim: ['claim'] },
  ],
  [
    'both keys',
    { ADMIN_API_KEY: adminKey, CLAIM_API_KEY: claimKey },
    { admin: ['admin'], claim: ['claim', 'admin'] },
  ],
] as [string, Record<string, string>, Record<'admin' | 'claim', Bearer[]>][])(
  'a service with %s',
  (_keys, env, allowed) => {
    const service = useService(env);

    it.each(Object.keys(calls))('only callers with an allowed key can %s', async (name) => {
      const call = calls[name];
      if (call === undefined) throw new Error(name);
      const coupon = await aHeldCoupon(service);
      for (const bearer of Object.keys(bearers) as Bearer[]) {
        const { headers, ...rest } = call.make(coupon);
        const before = await service.storedCounts();
        const answer = await service.client.call({
          ...rest,
          headers: { ...headers, ...bearers[bearer] },
        });
        if (call.for === 'all' || allowed[call.for].includes(bearer)) {
          expect(answer.status, `${bearer}: ${answer.text}`).toBeLessThan(300);
        } else {
          if (rest.method === 'HEAD') expect(answer.status).toBe(401);
          else expectProblem(answer, 'unauthorized');
          expect(await service.storedCounts()).toEqual(before);
        }
      }
    });

    it('a coupon shows its holders only to callers that may list claims', async () => {
      const coupon = await aHeldCoupon(service);
      for (const bearer of Object.keys(bearers) as Bearer[]) {
        const { json, text } = await service.client.get(pathOf(coupon), bearers[bearer]);
        if (allowed.admin.includes(bearer)) {
          expect(json.claimed_by).toEqual(['holder']);
          expect(json).not.toHaveProperty('claimed_by_hidden');
        } else {
          expect(json.claimed_by_hidden).toBe(true);
          expect(json).not.toHaveProperty('claimed_by');
          expect(text).not.toContain('holder');
          expect(json).toMatchObject({ name: coupon, amount: 50, remaining_amount: 49 });
        }
      }
    });
  },
);

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
});
