// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { calls, queueCalls } from '../support/access-calls.ts';
import {
  type Access,
  bearers,
  everyBearer,
  expectAccess,
  services,
} from '../support/access-keys.ts';
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

describe.each(Object.keys(services))('a service with %s', (name) => {
  const access = services[name] as Access;
  const service = useService(access.env);

  it.each(Object.keys(calls))('only callers with an allowed key can %s', async (name) => {
    const call = calls[name];
    if (call === undefined) throw new Error(name);
    const coupon = await aHeldCoupon(service, call.ofHolds);
    for (const bearer of everyBearer) {
      // Nothing is sent to it: the address is not public.
      const webhook = await createWebhook(service.database, { url: 'https://127.0.0.1/' });
      const saga = await aSagaInAttention(service);
      const before = await service.storedCounts();
      const made = { group: call.for, call: call.make({ coupon, webhook, saga }), bearer };
      const end = await expectAccess(access, service, made);
      if (end === 'refused') expect(await service.storedCounts()).toEqual(before);
      await service.database.query('delete from webhooks');
    }
  });

  it('a coupon shows its holders only to callers that may list claims', async () => {
    const coupon = await aHeldCoupon(service);
    for (const bearer of everyBearer) {
      const { json, text } = await service.client.get(pathOf(coupon), bearers[bearer]);
      if (access.allowed.view.includes(bearer)) {
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
    const rows = [...Object.values(calls), ...Object.values(queueCalls)];
    const covered = rows.map(({ route }) => route);
    const uncovered = routes.filter((route) => !covered.includes(route));
    expect(uncovered).toEqual([]);
    expect(routes.length).toBeGreaterThan(10);
  });
});
