// SPDX-License-Identifier: GPL-3.0-or-later
/** A service that runs while its database is upgraded, before and after `firstcome migrate --finish`. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectProblem } from '../support/contract-problems.ts';
import { ContractService, newName, until } from '../support/contract-service.ts';
import { createUnfinishedDatabase } from '../support/released-migrations.ts';
import { patience } from '../support/service.ts';
import { migrateDatabase } from '../support/test-database.ts';

const service = new ContractService();
const changes = ['confirm', 'redeem', 'release'];

beforeAll(async () => {
  service.database = await createUnfinishedDatabase();
  await service.start(patience);
});

afterAll(async () => {
  await service.stop();
  await service.database?.drop();
});

const pathOfClaim = (coupon: string, user: string) => `/api/coupons/${coupon}/claims/${user}`;
const change = (coupon: string, user: string, what: string) =>
  service.client.post(`${pathOfClaim(coupon, user)}/${what}`, {});

describe('a service on a database whose upgrade is not finished', () => {
  it.each(changes)('sells, and refuses to %s a claim with the command to run', async (what) => {
    const coupon = await service.createCoupon({ amount: 2 });
    const { user_id: user } = (await service.mustClaim(coupon)).json;
    const before = (await service.client.get(pathOfClaim(coupon, user))).json;
    const answer = await change(coupon, user, what);
    expectProblem(answer, 'unavailable');
    expect(answer.json.detail).toContain('`firstcome migrate --finish`');
    expect((await service.client.get(pathOfClaim(coupon, user))).json).toEqual(before);
  });

  it('shows that in its health, and changes claims without a restart when it is finished', async () => {
    const healthOf = async () => (await service.client.get('/health')).json;
    expect(await healthOf()).toMatchObject({ status: 'healthy', upgrade_unfinished: true });
    const coupon = await service.createCoupon({ amount: 2 });
    const { user_id: user } = (await service.mustClaim(coupon)).json;
    await migrateDatabase(service.database.url, { finish: true });
    expect(await healthOf()).not.toHaveProperty('upgrade_unfinished');
    for (const what of ['confirm', 'release']) {
      expect((await change(coupon, user, what)).status).toBe(200);
    }
    // Holds too: this one expires, and the service releases it although no claim needs its unit.
    const held = newName();
    const body = { name: held, amount: 2, hold_seconds: 1 };
    expect((await service.client.post('/api/coupons', body)).status).toBe(201);
    expect((await service.mustClaim(held)).json.state).toBe('reserved');
    await until(
      () => service.client.get(`/api/coupons/${held}`),
      ({ json }) => json.remaining_amount === 2,
    );
  });
});
