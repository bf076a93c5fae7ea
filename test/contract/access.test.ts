// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import {
  adminKey,
  adminKeyNext,
  type Bearer,
  bearers,
  calls,
  claimKey,
  claimKeyNext,
  everyBearer,
  type Group,
  viewerKey,
} from '../support/access-calls.ts';
import { expectProblem } from '../support/contract-problems.ts';
import { type ContractService, newName, pathOf, useService } from '../support/contract-service.ts';
import { plantSagas } from '../support/sagas.ts';
import { createWebhook } from '../support/webhooks.ts';

async function aHeldCoupon(service: ContractService, ofHolds = false): Promise<string> {
  const name = newName();
  const body = { name, amount: 50, ...(ofHolds && { hold_seconds: 600 }) };
  await service.client.post('/api/coupons', body, bearers.admin);
  const claim = { user_id: 'holder', coupon_name: name };
  await service.client.post('/api/coupons/claim', claim, bearers.claim);
  return name;
}

/** A saga that no process runs, since none has its definition. */
async function aSagaInAttention({ database }: ContractService): Promise<string> {
  const [sagaId = ''] = await plantSagas(database, newName('with sagas'), 1);
  await database.query(`update sagas set state = 'A' where saga_id = $1`, [sagaId]);
  return sagaId;
}

/** A service with some keys: the callers that it knows, and those that may do the calls of a group. */
type Access = { env: Record<string, string>; known: Bearer[]; allowed: Record<Group, Bearer[]> };

const allKeys = {
  ...{ ADMIN_API_KEY: adminKey, ADMIN_API_KEY_NEXT: adminKeyNext },
  ...{ CLAIM_API_KEY: claimKey, CLAIM_API_KEY_NEXT: claimKeyNext, VIEWER_API_KEY: viewerKey },
};

const services: Record<string, Access> = {
  'no keys': {
    env: {},
    known: [],
    allowed: {
      ...{ change: everyBearer, view: everyBearer, find: everyBearer },
      ...{ claim: everyBearer, 'change claim': everyBearer },
    },
  },
  ADMIN_API_KEY: {
    env: { ADMIN_API_KEY: adminKey },
    known: ['admin'],
    allowed: {
      ...{ change: ['admin'], view: ['admin'], 'change claim': ['admin'] },
      ...{ claim: everyBearer, find: everyBearer },
    },
  },
  CLAIM_API_KEY: {
    env: { CLAIM_API_KEY: claimKey },
    known: ['claim'],
    allowed: {
      ...{ change: everyBearer, view: everyBearer },
      ...{ claim: ['claim'], 'change claim': ['claim'], find: ['claim'] },
    },
  },
  'admin and claim key': {
    env: { ADMIN_API_KEY: adminKey, CLAIM_API_KEY: claimKey },
    known: ['admin', 'claim'],
    allowed: {
      ...{ change: ['admin'], view: ['admin'], 'change claim': ['claim', 'admin'] },
      ...{ claim: ['claim', 'admin'], find: ['claim', 'admin'] },
    },
  },
  'admin and viewer key': {
    env: { ADMIN_API_KEY: adminKey, VIEWER_API_KEY: viewerKey },
    known: ['admin', 'viewer'],
    allowed: {
      ...{ change: ['admin'], view: ['admin', 'viewer'], 'change claim': ['admin'] },
      ...{ claim: everyBearer, find: everyBearer },
    },
  },
  'every key': {
    env: allKeys,
    known: ['claim', 'next claim', 'viewer', 'admin', 'next admin'],
    allowed: {
      change: ['admin', 'next admin'],
      view: ['admin', 'next admin', 'viewer'],
      claim: ['claim', 'next claim', 'admin', 'next admin'],
      'change claim': ['claim', 'next claim', 'admin', 'next admin'],
      find: ['claim', 'next claim', 'admin', 'next admin', 'viewer'],
    },
  },
};

describe.each(Object.keys(services))('a service with %s', (name) => {
  const { env, known, allowed } = services[name] as Access;
  const service = useService(env);

  it.each(Object.keys(calls))('only callers with an allowed key can %s', async (name) => {
    const call = calls[name];
    if (call === undefined) throw new Error(name);
    const coupon = await aHeldCoupon(service, call.ofHolds);
    for (const bearer of everyBearer) {
      // Nothing is sent to it: the address is not public.
      const webhook = await createWebhook(service.database, { url: 'https://127.0.0.1/' });
      const saga = await aSagaInAttention(service);
      const { headers, ...rest } = call.make(coupon, webhook, saga);
      const before = await service.storedCounts();
      const answer = await service.client.call({
        ...rest,
        headers: { ...headers, ...bearers[bearer] },
      });
      if (call.for === 'all' || allowed[call.for].includes(bearer)) {
        expect(answer.status, `${bearer}: ${answer.text}`).toBeLessThan(300);
      } else {
        const code = known.includes(bearer) ? 'forbidden' : 'unauthorized';
        if (rest.method === 'HEAD') expect(answer.status).toBe(code === 'forbidden' ? 403 : 401);
        else expectProblem(answer, code);
        expect(await service.storedCounts()).toEqual(before);
      }
      await service.database.query('delete from webhooks');
    }
  });

  it('a coupon shows its holders only to callers that may list claims', async () => {
    const coupon = await aHeldCoupon(service);
    for (const bearer of everyBearer) {
      const { json, text } = await service.client.get(pathOf(coupon), bearers[bearer]);
      if (allowed.view.includes(bearer)) {
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
});

describe('the table of calls', () => {
  const service = useService();

  it('every route of the description has a row in the table of calls', async () => {
    const { json } = await service.client.get('/openapi.json');
    const routes = Object.entries(json.paths as Record<string, object>).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const covered = Object.values(calls).map(({ route }) => route);
    // The tests in test/rabbitmq/ say who may call the routes that need a queue.
    const needsQueue = (route: string) => / \/api\/(?:tickets|dead-letters)(?:\/|$)/.test(route);
    const uncovered = routes.filter((route) => !covered.includes(route) && !needsQueue(route));
    expect(uncovered).toEqual([]);
    expect(routes.length).toBeGreaterThan(10);
  });
});
