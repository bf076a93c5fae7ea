// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { expectProblem, type ProblemCode } from '../support/contract-problems.ts';
import { newName, pathOf, useService } from '../support/contract-service.ts';

const future = '2999-01-01T00:00:00Z';
const past = '2020-01-01T00:00:00Z';

/** Changes after which the outcome of this name applies to a coupon. */
const states = {
  not_open: { opens_at: future },
  paused: { paused: true },
  closed: { closes_at: past },
};

describe('POST /api/coupons/claim when several outcomes apply', () => {
  const service = useService();

  /** A coupon on which all of these outcomes apply to a new user. */
  async function couponWith(applies: readonly string[], holderKey?: string): Promise<string> {
    const coupon = await service.createCoupon({ amount: applies.includes('sold_out') ? 1 : 5 });
    await service.mustClaim(coupon, {
      user: 'holder',
      ...(holderKey !== undefined && { key: holderKey }),
    });
    // No case has both not_open and closed: such a window would end before it begins.
    for (const state of ['not_open', 'paused', 'closed'] as const) {
      if (!applies.includes(state)) continue;
      expect((await service.client.patch(pathOf(coupon), states[state])).status).toBe(200);
    }
    return coupon;
  }

  it('a replay comes before already_claimed', async () => {
    const coupon = await couponWith([], 'k');
    const answer = await service.client.claim('holder', coupon, 'k');
    expect(answer.status).toBe(200);
    expect(answer.headers['idempotency-replayed']).toBe('true');
  });

  it('an unknown coupon is coupon_not_found although the key was used for another coupon', async () => {
    await couponWith([], 'k');
    expectProblem(await service.client.claim('holder', newName(), 'k'), 'coupon_not_found');
  });

  it('an unknown coupon is coupon_not_found although the user holds another coupon', async () => {
    await couponWith([]);
    expectProblem(await service.client.claim('holder', newName()), 'coupon_not_found');
  });

  it.each([
    [['not_open']],
    [['paused']],
    [['closed']],
    [['sold_out']],
    [['not_open', 'paused', 'sold_out']],
    [['paused', 'closed', 'sold_out']],
  ])('a holder gets already_claimed and not %j', async (applies) => {
    const coupon = await couponWith(applies, 'k');
    const other = await service.client.claim('holder', coupon, 'other');
    expectProblem(other, 'already_claimed');
    expect(other.json.claim).toMatchObject({ user_id: 'holder', position: 1 });
    const replay = await service.client.claim('holder', coupon, 'k');
    expect(replay.status, replay.text).toBe(200);
    expect(replay.headers['idempotency-replayed']).toBe('true');
  });

  it.each<[ProblemCode, string[]]>([
    ['not_open', ['paused']],
    ['not_open', ['sold_out']],
    ['not_open', ['paused', 'sold_out']],
    ['paused', ['closed']],
    ['paused', ['sold_out']],
    ['paused', ['closed', 'sold_out']],
    ['closed', ['sold_out']],
  ])('a new user gets %s and not %j', async (wins, loses) => {
    const coupon = await couponWith([wins, ...loses]);
    expectProblem(await service.client.claim('new user', coupon), wins);
  });

  it('a new user of a sold out coupon gets sold_out and no unit', async () => {
    const coupon = await couponWith(['sold_out']);
    expectProblem(await service.client.claim('new user', coupon), 'sold_out');
    expect((await service.client.get(pathOf(coupon))).json.claimed_by).toEqual(['holder']);
  });

  it('a new user gets a unit when no refusal applies', async () => {
    await service.mustClaim(await couponWith([]), { user: 'new user' });
  });

  it('simultaneous claims are decided in the order of their arrival', async () => {
    const coupon = await service.createCoupon({ amount: 1 });
    const answers = await Promise.all(
      ['a', 'b', 'a', 'b'].map((user) => service.client.claim(user, coupon)),
    );
    const winner = answers.findIndex((answer) => answer.status === 200);
    answers.forEach((answer, index) => {
      if (index === winner) return;
      expectProblem(answer, index % 2 === winner % 2 ? 'already_claimed' : 'sold_out');
    });
  });

  it('an invalid claim is refused before its coupon is looked up', async () => {
    const body = { user_id: '', coupon_name: newName() };
    expectProblem(await service.client.post('/api/coupons/claim', body), 'invalid_request');
  });
});
