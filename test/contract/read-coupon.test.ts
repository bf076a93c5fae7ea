// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { expectApiHeaders, expectProblem } from '../support/contract-problems.ts';
import { newName, pathOf, useService } from '../support/contract-service.ts';
import { membersLeftOut } from '../support/coupon-members.ts';

describe('GET /api/coupons/{name}', () => {
  const service = useService();
  const read = (name: string) => service.client.get(pathOf(name));

  it('reading a coupon answers 200 with the coupon and its holders', async () => {
    const name = await service.createCoupon({ amount: 4, closes_at: '2999-01-01T00:00:00Z' });
    await service.mustClaim(name, { user: 'ada' });
    const answer = await read(name);
    expect(answer.status).toBe(200);
    expect(answer.json).toEqual({
      name,
      amount: 4,
      remaining_amount: 3,
      claimed_by: ['ada'],
      state: 'open',
      opens_at: null,
      closes_at: '2999-01-01T00:00:00Z',
      paused: false,
      archived: false,
      ...membersLeftOut,
      claims_url: `/api/coupons/${name}/claims`,
    });
    expectApiHeaders(answer);
  });

  it('reading an unknown coupon answers 404', async () => {
    expectProblem(await read(newName()), 'coupon_not_found');
  });

  it.each(['utm_source=mail', '_=1738', 'a=1&a=2', '=', '%zz'])(
    'a read ignores the query ?%s, so that links with tracking parameters work',
    async (query) => {
      const name = await service.createCoupon();
      await service.mustClaim(name, { user: 'ada' });
      for (const path of [pathOf(name), pathOf(name, 'claims', 'ada'), '/health', '/metrics']) {
        expect((await service.client.get(`${path}?${query}`)).status).toBe(200);
      }
    },
  );

  it.each([
    ['scheduled', { opens_at: '2999-01-01T00:00:00Z' }],
    ['open', { opens_at: '2020-01-01T00:00:00Z', closes_at: '2999-01-01T00:00:00Z' }],
    ['closed', { closes_at: '2020-01-01T00:00:00Z' }],
  ])('a coupon shows the state %s', async (state, window) => {
    expect((await read(await service.createCoupon(window))).json.state).toBe(state);
  });

  it('a paused coupon shows the state paused', async () => {
    const name = await service.createCoupon();
    await service.client.patch(pathOf(name), { paused: true });
    expect((await read(name)).json).toMatchObject({ state: 'paused', paused: true });
  });

  it('a sold out coupon keeps the state open', async () => {
    const name = await service.createCoupon({ amount: 1 });
    await service.mustClaim(name);
    expect((await read(name)).json).toMatchObject({ state: 'open', remaining_amount: 0 });
  });

  it('a coupon shows the first 1,000 of its 1,001 holders in order of position', async () => {
    const name = await service.createCoupon({ amount: 1001 });
    const users = Array.from({ length: 1001 }, (_, index) => `user ${index}`);
    const answers = await Promise.all(users.map((user) => service.client.claim(user, name)));
    const inOrder = answers
      .map((answer) => answer.json)
      .sort((a, b) => a.position - b.position)
      .map((claim) => claim.user_id);
    const { json } = await read(name);
    expect(json.remaining_amount).toBe(0);
    expect(json.claimed_by).toEqual(inOrder.slice(0, 1000));
    expect(new Set(inOrder)).toEqual(new Set(users));
  });

  it('a coupon shows as many holders as units are taken, also while claims arrive', async () => {
    const name = await service.createCoupon({ amount: 400 });
    let claiming = true;
    const claims = Promise.all(
      Array.from({ length: 400 }, (_, index) => service.client.claim(`u${index}`, name)),
    ).finally(() => {
      claiming = false;
    });
    let reads = 0;
    let seen: string[] = [];
    while (claiming || reads < 3) {
      const { json } = await read(name);
      expect(json.amount - json.remaining_amount).toBe(json.claimed_by.length);
      // Holders that were shown once keep their place.
      expect(json.claimed_by.slice(0, seen.length)).toEqual(seen);
      seen = json.claimed_by;
      reads += 1;
    }
    for (const answer of await claims) expect(answer.status).toBe(200);
    expect((await read(name)).json.claimed_by).toHaveLength(400);
  });

  it('a read that is sent after the response to a claim shows the claim', async () => {
    const name = await service.createCoupon({ amount: 20 });
    for (let count = 1; count <= 20; count += 1) {
      await service.mustClaim(name, { user: `u${count}` });
      expect((await read(name)).json.claimed_by).toHaveLength(count);
    }
  });
});

describe('GET /api/coupons/{name}/claims/{user_id}', () => {
  const service = useService();

  it('reading a claim answers 200 with the claim as its response showed it', async () => {
    const name = await service.createCoupon();
    const { message: _, ...claim } = (await service.mustClaim(name, { user: 'ada' })).json;
    const answer = await service.client.get(pathOf(name, 'claims', 'ada'));
    expect(answer.status).toBe(200);
    expect(answer.json).toEqual(claim);
    expectApiHeaders(answer);
  });

  it('an unknown coupon is coupon_not_found and a user without a claim is claim_not_found', async () => {
    const name = await service.createCoupon();
    const { client } = service;
    expectProblem(await client.get(pathOf(name, 'claims', 'eve')), 'claim_not_found');
    expectProblem(await client.get(pathOf(newName(), 'claims', 'ada')), 'coupon_not_found');
  });
});
