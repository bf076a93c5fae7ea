// SPDX-License-Identifier: GPL-3.0-or-later
/** Claims of users whose earlier claim has ended, and what reads show of ended claims. */
import { describe, expect, it } from 'vitest';
import {
  changeClaim,
  claimIn,
  couponWithHolds,
  type StateOfClaim,
} from '../support/claim-states.ts';
import { expectProblem } from '../support/contract-problems.ts';
import { pathOf, useService } from '../support/contract-service.ts';
import { parseCsv } from '../support/parse-csv.ts';

const service = useService();
const ends = ['released', 'expired'] as const;
const codeOf = { released: 'claim_released', expired: 'hold_expired' } as const;

describe('a claim by a user whose earlier claim has ended', () => {
  it.each(ends)('is decided like that of a new user after the earlier one was %s', async (end) => {
    const first = await claimIn(service, end);
    const { json } = await service.mustClaim(first.coupon, { user: 'ada' });
    expect(json).toMatchObject({ state: 'reserved', position: 2 });
    expect(json.claim_id).not.toBe(first.id);
    expect((await service.client.get(pathOf(first.coupon))).json).toMatchObject({
      ...{ remaining_amount: 9, claimed_by: ['ada'] },
    });
  });

  it.each(ends)(
    'is refused with the key of a claim that was %s, also while a newer one is live',
    async (end) => {
      const first = await claimIn(service, end, { key: 'k' });
      for (let round = 0; round < 2; round += 1) {
        const late = await service.client.claim('ada', first.coupon, 'k');
        expectProblem(late, codeOf[end]);
        expect(late.json.claim).toMatchObject({ claim_id: first.id, state: 'released' });
        if (round === 0) await service.mustClaim(first.coupon, { user: 'ada', key: 'k2' });
      }
      const again = await service.client.claim('ada', first.coupon, 'k2');
      expect(again.headers['idempotency-replayed']).toBe('true');
    },
  );

  it.each(ends)('counts the claims that were %s for claims_per_user_max', async (end) => {
    const coupon = await couponWithHolds(service, { claims_per_user_max: 2 });
    await claimIn(service, end, { coupon });
    await claimIn(service, end, { coupon, key: 'last' });
    expectProblem(await service.client.claim('ada', coupon), 'claim_limit_reached');
    expectProblem(await service.client.claim('ada', coupon, 'new'), 'claim_limit_reached');
    expectProblem(await service.client.claim('ada', coupon, 'last'), codeOf[end]);
    await service.mustClaim(coupon, { user: 'bob' });
  });

  it('is claim_limit_reached after a final release, also where the claim was released before', async () => {
    for (const state of ['reserved', 'confirmed', 'released', 'expired'] as const) {
      const claim = await claimIn(service, state);
      const body = { claim_id: claim.id, final: true };
      const answer = await changeClaim(service, 'release', claim, body);
      expect(answer.status, answer.text).toBe(200);
      expect(answer.json.state).toBe('released');
      expectProblem(await service.client.claim('ada', claim.coupon), 'claim_limit_reached');
    }
  });

  it('releases the expired hold of the user also where the answer is a refusal', async () => {
    const claim = await claimIn(service, 'expired');
    await service.client.patch(pathOf(claim.coupon), { paused: true });
    expectProblem(await service.client.claim('ada', claim.coupon), 'paused');
    const { json } = await service.client.get(pathOf(claim.coupon, 'claims', 'ada'));
    expect(json.last_claim).toMatchObject({ claim_id: claim.id, reason: 'expired' });
  });

  it('takes the unit of an expired hold of another user, and no unit of a hold in time', async () => {
    const coupon = await couponWithHolds(service, { amount: 1 });
    await claimIn(service, 'expired', { coupon });
    expect((await service.mustClaim(coupon, { user: 'eve' })).json.position).toBe(2);
    expectProblem(await service.client.claim('bob', coupon), 'sold_out');
  });

  it.each([
    ['paused', { paused: true }],
    ['closed', { closes_at: '2020-01-01T00:00:00Z' }],
    ['not_open', { opens_at: '2999-01-01T00:00:00Z' }],
  ] as const)('is %s before claim_limit_reached', async (code, change) => {
    const coupon = await couponWithHolds(service, { claims_per_user_max: 1 });
    await claimIn(service, 'released', { coupon });
    await service.client.patch(pathOf(coupon), change);
    expectProblem(await service.client.claim('ada', coupon), code);
  });

  it('is sold_out before claim_limit_reached', async () => {
    const coupon = await couponWithHolds(service, { amount: 1, claims_per_user_max: 1 });
    await claimIn(service, 'released', { coupon });
    await service.mustClaim(coupon, { user: 'bob' });
    expectProblem(await service.client.claim('ada', coupon), 'sold_out');
  });
});

describe('reads of claims that have ended', () => {
  it('a user without a live claim has the last one as last_claim, if there was one', async () => {
    const first = await claimIn(service, 'released');
    const last = await claimIn(service, 'released', { coupon: first.coupon });
    const answer = await service.client.get(pathOf(first.coupon, 'claims', 'ada'));
    expectProblem(answer, 'claim_not_found');
    expect(answer.json.last_claim).toMatchObject({
      ...{ claim_id: last.id, position: 2, state: 'released', reason: 'changed my mind' },
    });
    const never = await service.client.get(pathOf(first.coupon, 'claims', 'bob'));
    expectProblem(never, 'claim_not_found');
    expect(never.json).not.toHaveProperty('last_claim');
  });

  it('a hold past its expires_at is reserved until it is released', async () => {
    const coupon = await couponWithHolds(service);
    // A hold in time before it: neither a sweep nor a decision may release the one behind it first.
    await claimIn(service, 'reserved', { coupon, user: 'bob' });
    const { made } = await claimIn(service, 'expired', { coupon });
    const { json } = await service.client.get(pathOf(coupon, 'claims', 'ada'));
    expect(json).toMatchObject({ claim_id: made.claim_id, state: 'reserved' });
    expect(json.expires_at).toBe(json.claimed_at);
  });

  /** A coupon with a claim in each state, by a user of that name. */
  async function couponWithAll(): Promise<string> {
    const coupon = await couponWithHolds(service);
    for (const state of ['reserved', 'confirmed', 'redeemed', 'released'] as const) {
      await claimIn(service, state, { coupon, user: state });
    }
    return coupon;
  }

  it.each<[string, StateOfClaim[]]>([
    ['', ['reserved', 'confirmed', 'redeemed']],
    ['state=released', ['released']],
    ['state=released&state=reserved', ['reserved', 'released']],
    ['state=reserved&state=reserved', ['reserved']],
    [
      'state=reserved&state=confirmed&state=redeemed&state=released',
      ['reserved', 'confirmed', 'redeemed', 'released'],
    ],
    ['position=2', ['confirmed']],
    ['position=4', ['released']],
    ['position=4&state=released', ['released']],
    ['position=4&state=confirmed', []],
    ['position=5', []],
    ['position=2&state=redeemed', []],
  ])('the claims with ?%s are %j, in pages and in exports', async (query, states) => {
    const coupon = await couponWithAll();
    const path = `${pathOf(coupon, 'claims')}?${query}`;
    const users: string[] = [];
    for (let next: string | undefined = `${path}&limit=1`; next !== undefined; ) {
      const page = await service.client.get(next);
      expect(page.status, page.text).toBe(200);
      users.push(...page.json.claims.map((claim: { user_id: string }) => claim.user_id));
      next = /^<([^>]+)>; rel="next"$/.exec(String(page.headers.link ?? ''))?.[1];
    }
    expect(users).toEqual(states);
    const csv = await service.client.get(path, { Accept: 'text/csv' });
    expect(
      parseCsv(csv.text)
        .slice(1)
        .map((row) => [row[1], row[5]]),
    ).toEqual(states.map((state) => [state, state]));
  });

  it('a claim is found by its claim_id, in any case of its letters', async () => {
    const coupon = await couponWithHolds(service);
    const live = await claimIn(service, 'reserved', { coupon });
    const released = await claimIn(service, 'released', { coupon, user: 'bob' });
    const find = async (query: string) =>
      (await service.client.get(`${pathOf(coupon, 'claims')}?${query}`)).json;
    const { message: _, ...claim } = live.made;
    const found = { claims: [claim], next_cursor: null };
    expect(await find(`claim_id=${live.id}`)).toEqual(found);
    expect(await find(`claim_id=${live.id.toUpperCase()}`)).toEqual(found);
    const ended = { claims: [{ claim_id: released.id, state: 'released' }] };
    expect(await find(`claim_id=${released.id}`)).toMatchObject(ended);
    expect(await find(`claim_id=${released.id}&state=released`)).toMatchObject(ended);
  });

  it('the claims of a user over all coupons leave released ones out unless they are asked for', async () => {
    const coupons = [await couponWithHolds(service), await couponWithHolds(service)];
    const user = 'of two coupons';
    for (const coupon of coupons) {
      await claimIn(service, 'released', { coupon, user });
      await claimIn(service, 'released', { coupon, user });
    }
    await claimIn(service, 'confirmed', { coupon: String(coupons[0]), user });
    const list = async (query: string) => {
      const claims: unknown[] = [];
      let next: string | undefined =
        `/api/claims?user_id=${encodeURIComponent(user)}&limit=1${query}`;
      while (next !== undefined) {
        const page = await service.client.get(next);
        expect(page.status, page.text).toBe(200);
        for (const { coupon_name, position, state } of page.json.claims) {
          claims.push([coupon_name, position, state]);
        }
        next = /^<([^>]+)>; rel="next"$/.exec(String(page.headers.link ?? ''))?.[1];
      }
      return claims;
    };
    const [first, second] = coupons;
    expect(await list('')).toEqual([[first, 3, 'confirmed']]);
    expect(await list('&state=released&state=confirmed')).toEqual([
      ...[1, 2].map((position) => [first, position, 'released']),
      [first, 3, 'confirmed'],
      ...[1, 2].map((position) => [second, position, 'released']),
    ]);
    expect(await list('&state=redeemed')).toEqual([]);
  });
});
