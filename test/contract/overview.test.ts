// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { expectProblem } from '../support/contract-problems.ts';
import { decidesAtOnce, pathOf, until, useService } from '../support/contract-service.ts';

describe('the overview of a coupon', () => {
  const service = useService(decidesAtOnce);
  const overviewOf = async (coupon: string) =>
    (await service.client.get(pathOf(coupon, 'overview'))).json;

  it('has the stock, the claims by state in one snapshot, and how claims are answered', async () => {
    const coupon = await service.createCoupon({ amount: 10, hold_seconds: 600 });
    const users = ['ada', 'bob', 'cy', 'dot', 'eve'];
    for (const user of users) await service.mustClaim(coupon, { user });
    const change = async (user: string, name: string) => {
      const answer = await service.client.post(pathOf(coupon, 'claims', user, name), {});
      expect(answer.status, answer.text).toBe(200);
    };
    for (const user of ['ada', 'bob', 'cy']) await change(user, 'confirm');
    await change('ada', 'redeem');
    await change('eve', 'release');
    const overview = await until(
      () => overviewOf(coupon),
      // On a slow machine one of these claims may have waited at the end of a second.
      ({ claims, p99_ms: p99, waiting_claims: waiting }) =>
        claims?.released >= 1 && p99 !== null && waiting !== null && waiting < 1,
    );
    expect(overview).toMatchObject({
      coupon: { name: coupon, amount: 10, remaining_amount: 6, state: 'open', hold_seconds: 600 },
      claimed: 4,
      claims: { reserved: 1, confirmed: 2, redeemed: 1, released: 1 },
      waiting_claims: 0,
    });
    expect(overview.p99_ms).toBeGreaterThanOrEqual(overview.p50_ms);
    expect(Object.keys(overview)).toEqual([
      ...['coupon', 'claimed', 'at', 'claims', 'waiting_claims', 'p50_ms', 'p99_ms'],
      ...['answers_until', 'server_time'],
    ]);
    for (const time of [overview.at, overview.claims.at, overview.answers_until]) {
      expect(Date.parse(time)).toBeLessThanOrEqual(Date.parse(overview.server_time));
    }
  });

  it('counts a claim without a hold as confirmed', async () => {
    const coupon = await service.createCoupon();
    await service.mustClaim(coupon);
    expect((await overviewOf(coupon)).claims).toMatchObject({
      ...{ reserved: 0, confirmed: 1, redeemed: 0, released: 0 },
    });
  });

  it('says that numbers are unknown, and not 0, where counts are missing', async () => {
    const coupon = await service.createCoupon();
    await service.database.query('truncate outcome_gaps');
    expect(await overviewOf(coupon)).toMatchObject({
      ...{ waiting_claims: null, p50_ms: null, p99_ms: null },
    });
  });

  it('is refused for unknown coupons and for queries', async () => {
    expectProblem(await service.client.get(pathOf('never', 'overview')), 'coupon_not_found');
    const coupon = await service.createCoupon();
    expectProblem(await service.client.get(`${pathOf(coupon, 'overview')}?x=1`), 'invalid_request');
  });
});
