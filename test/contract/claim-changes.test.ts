// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import {
  type ChangeOfClaim,
  changeClaim,
  claimIn,
  couponWithHolds,
  expireHold,
  type StateOfClaim,
  type StoredClaim,
} from '../support/claim-states.ts';
import type { Answer } from '../support/contract-client.ts';
import { expectApiHeaders, expectInvalid, expectProblem } from '../support/contract-problems.ts';
import { newName, pathOf, useService } from '../support/contract-service.ts';

const service = useService();
const utcTime = expect.stringMatching(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
const never = '01947a5c-3e2f-7d10-8b6a-5f0c1d2e3f40';

const change = (change: ChangeOfClaim, claim: { coupon: string; user?: string }, body = {}) =>
  changeClaim(service, change, claim, body);

/** The members of the body of this claim that no change touches. */
const fixed = ({ made }: StoredClaim) => ({
  ...{ claim_id: made.claim_id, coupon_name: made.coupon_name, user_id: made.user_id },
  ...{ position: made.position, claimed_at: made.claimed_at },
});

/** The body of the claim in each state that an answer can show. */
const bodies = {
  reserved: { state: 'reserved', expires_at: utcTime },
  confirmed: { state: 'confirmed', confirmed_at: utcTime },
  redeemed: { state: 'redeemed', confirmed_at: utcTime, redeemed_at: utcTime },
  released: { state: 'released', released_at: utcTime, reason: 'changed my mind' },
  expired: { state: 'released', released_at: utcTime, reason: 'expired' },
  'released after a confirm': { state: 'released', confirmed_at: utcTime, released_at: utcTime },
  'released by the call': { state: 'released', released_at: utcTime },
} as const;

/** The contract's table: what a call answers about a claim in a state, and the claim that it shows. */
const table: [
  ChangeOfClaim,
  StateOfClaim,
  200 | Parameters<typeof expectProblem>[1],
  keyof typeof bodies,
][] = [
  ['confirm', 'reserved', 200, 'confirmed'],
  ['confirm', 'confirmed', 200, 'confirmed'],
  ['confirm', 'expired', 'hold_expired', 'expired'],
  ['confirm', 'released', 'claim_released', 'released'],
  ['confirm', 'redeemed', 'already_redeemed', 'redeemed'],
  ['release', 'reserved', 200, 'released by the call'],
  ['release', 'expired', 200, 'expired'],
  ['release', 'confirmed', 200, 'released after a confirm'],
  ['release', 'released', 200, 'released'],
  ['release', 'redeemed', 'already_redeemed', 'redeemed'],
  ['redeem', 'confirmed', 200, 'redeemed'],
  ['redeem', 'redeemed', 'already_redeemed', 'redeemed'],
  ['redeem', 'reserved', 'not_confirmed', 'reserved'],
  ['redeem', 'expired', 'hold_expired', 'expired'],
  ['redeem', 'released', 'claim_released', 'released'],
];

/** Expects that the stock is the amount without the claims that are not released. */
async function expectStock(coupon: string): Promise<void> {
  const { json } = await service.client.get(pathOf(coupon));
  const { claims } = (await service.client.get(pathOf(coupon, 'claims'))).json;
  expect(json.amount - json.remaining_amount).toBe(claims.length);
  expect(json.claimed_by).toEqual(claims.map((claim: { user_id: string }) => claim.user_id));
}

describe('a claim of a coupon with hold_seconds', () => {
  it('is reserved until its expires_at, and a replay shows it as it is now', async () => {
    const coupon = await couponWithHolds(service);
    const { json } = await service.mustClaim(coupon, { user: 'ada', key: 'k' });
    expect(json).toEqual({
      ...{ message: 'coupon claimed', claim_id: json.claim_id, coupon_name: coupon },
      ...{ user_id: 'ada', position: 1, claimed_at: utcTime, ...bodies.reserved },
    });
    const held = Date.parse(json.expires_at) - Date.parse(json.claimed_at);
    expect(held).toBe(600_000);
    await change('confirm', { coupon }, { claim_id: json.claim_id });
    const replay = await service.client.claim('ada', coupon, 'k');
    expect(replay.headers['idempotency-replayed']).toBe('true');
    const { expires_at: _, ...others } = json;
    expect(replay.json).toEqual({ ...others, ...bodies.confirmed });
  });

  it('is shown in the same way by already_claimed, its own path, lists and exports', async () => {
    const { coupon, made } = await claimIn(service, 'reserved');
    const { message: _, ...claim } = made;
    const conflict = await service.client.claim('ada', coupon);
    expectProblem(conflict, 'already_claimed');
    expect(conflict.json.claim).toEqual(claim);
    expect((await service.client.get(pathOf(coupon, 'claims', 'ada'))).json).toEqual(claim);
    const path = pathOf(coupon, 'claims');
    expect((await service.client.get(path)).json.claims).toEqual([claim]);
    const ndjson = await service.client.get(path, { Accept: 'application/x-ndjson' });
    expect(JSON.parse(ndjson.text)).toEqual(claim);
    const csv = await service.client.get(path, { Accept: 'text/csv' });
    expect(csv.text.split('\r\n')[1]).toBe(
      `1,ada,${claim.claim_id},${claim.claimed_at},${coupon},reserved,${claim.expires_at},,,,`,
    );
  });
});

describe('the calls that change a claim', () => {
  it.each(table)(
    '%s of a claim that is %s answers %s, with and without its id',
    async (call, state, answer, shown) => {
      for (const named of [true, false]) {
        const claim = await claimIn(service, state);
        const body = named ? { claim_id: claim.id } : {};
        const expected = { ...fixed(claim), ...bodies[shown] };
        const first = await change(call, claim, body);
        if (answer === 200) {
          expect(first.status, first.text).toBe(200);
          expect(first.headers).not.toHaveProperty('idempotency-replayed');
          expectApiHeaders(first);
          expect(first.json).toEqual(expected);
        } else {
          expectProblem(first, answer);
          expect(first.json.claim).toEqual(expected);
        }
        await expectStock(claim.coupon);
        if (call === 'redeem' && answer === 200) continue;
        // A repeat answers the same.
        const { instance: _, ...again } = (await change(call, claim, body)).json;
        expect(first.json).toMatchObject(again);
      }
    },
  );

  it('confirm and redeem work on a claim that is confirmed from the start', async () => {
    const coupon = await service.createCoupon();
    const { json } = await service.mustClaim(coupon, { user: 'ada' });
    const { message: _, ...claim } = json;
    expect((await change('confirm', { coupon })).json).toEqual(claim);
    expect((await change('redeem', { coupon })).json).toEqual({
      ...claim,
      ...{ state: 'redeemed', redeemed_at: utcTime },
    });
  });

  it.each(['confirm', 'release', 'redeem'] as const)(
    '%s of no claim is claim_not_found, and of no coupon coupon_not_found',
    async (call) => {
      const coupon = await couponWithHolds(service);
      for (const body of [{}, { claim_id: never }]) {
        const none = await change(call, { coupon }, body);
        expectProblem(none, 'claim_not_found');
        expect(none.json).not.toHaveProperty('last_claim');
        expectProblem(await change(call, { coupon: newName() }, body), 'coupon_not_found');
      }
    },
  );

  it('a released unit is on sale again, once, and its position is never given again', async () => {
    const coupon = await couponWithHolds(service, { amount: 1 });
    const first = await claimIn(service, 'reserved', { coupon });
    expectProblem(await service.client.claim('bob', coupon), 'sold_out');
    for (let repeat = 0; repeat < 3; repeat += 1) {
      const answer = await change('release', first, { claim_id: first.id });
      expect(answer.status, answer.text).toBe(200);
    }
    expect((await service.client.get(pathOf(coupon))).json).toMatchObject({
      ...{ amount: 1, remaining_amount: 1, claimed_by: [] },
    });
    expect((await service.mustClaim(coupon, { user: 'bob' })).json.position).toBe(2);
    expectProblem(await service.client.claim('eve', coupon), 'sold_out');
    await change('release', first, { claim_id: first.id });
    await expectStock(coupon);
    expectProblem(await service.client.claim('eve', coupon), 'sold_out');
  });

  it('the reason of a release stays with the claim, also when a repeat gives another one', async () => {
    const claim = await claimIn(service, 'reserved');
    const body = { claim_id: claim.id, reason: 'payment failed' };
    expect((await change('release', claim, body)).json.reason).toBe('payment failed');
    const again = await change('release', claim, { ...body, reason: 'another one' });
    expect(again.json.reason).toBe('payment failed');
  });

  it('redeem with an Idempotency-Key is replayed with this key only, and shows the same claim', async () => {
    const claim = await claimIn(service, 'confirmed');
    const redeem = (key: string): Promise<Answer> =>
      changeClaim(service, 'redeem', claim, {}, { 'Idempotency-Key': key });
    const first = await redeem('till 7');
    expect(first.status, first.text).toBe(200);
    expect(first.headers).not.toHaveProperty('idempotency-replayed');
    const again = await redeem('till 7');
    expect(again.status).toBe(200);
    expect(again.headers['idempotency-replayed']).toBe('true');
    expect(again.json).toEqual(first.json);
    const other = await redeem('till 8');
    expectProblem(other, 'already_redeemed');
    expect(other.json.claim).toEqual(first.json);
    expectInvalid(await redeem('\u00e9'), 'Idempotency-Key');
  });

  it('the key of a claim is no key of its redeem', async () => {
    const claim = await claimIn(service, 'redeemed', { key: 'k' });
    const answer = await changeClaim(service, 'redeem', claim, {}, { 'Idempotency-Key': 'k' });
    expectProblem(answer, 'already_redeemed');
  });

  it('an Idempotency-Key of confirm and release has no meaning, whatever it is', async () => {
    const headers = { 'Idempotency-Key': 'x'.repeat(300) };
    const claim = await claimIn(service, 'reserved');
    for (const call of ['confirm', 'release'] as const) {
      const answer = await changeClaim(service, call, claim, {}, headers);
      expect(answer.status, answer.text).toBe(200);
      expect(answer.headers).not.toHaveProperty('idempotency-replayed');
    }
  });

  it('an absent body counts as an empty object, and a path of another method is 405', async () => {
    const claim = await claimIn(service, 'reserved');
    const path = pathOf(claim.coupon, 'claims', 'ada', 'confirm');
    expect((await service.client.call({ method: 'POST', path })).json.state).toBe('confirmed');
    const wrong = await service.client.get(path);
    expectProblem(wrong, 'method_not_allowed');
    expect(wrong.headers.allow).toBe('POST');
    const unknown = pathOf(claim.coupon, 'claims', 'ada', 'undo');
    expectProblem(await service.client.post(unknown, {}), 'route_not_found');
  });

  it('refused bodies and query parameters change nothing', async () => {
    const claim = await claimIn(service, 'reserved');
    for (const [call, body, field] of [
      ['confirm', { reason: 'x' }, 'reason'],
      ['release', { reason: 'expired' }, 'reason'],
      ['release', { reason: 'saga' }, 'reason'],
      ['release', { saga: 'x' }, 'saga'],
      ['release', { final: 1 }, 'final'],
      ['redeem', { final: true }, 'final'],
      ['redeem', { claim_id: '' }, 'claim_id'],
      ['release', '{"reason":"a","reason":"b"}', 'reason'],
    ] as const) {
      expectInvalid(await changeClaim(service, call, claim, body), field);
    }
    const path = pathOf(claim.coupon, 'claims', 'ada', 'release');
    expectInvalid(await service.client.post(`${path}?reason=x`, {}), 'reason');
    const { json } = await service.client.get(pathOf(claim.coupon, 'claims', 'ada'));
    expect(json).toEqual({ ...fixed(claim), ...bodies.reserved });
  });

  it.each(['paused', 'closed', 'archived'] as const)(
    'all three go on while the coupon is %s',
    async (state) => {
      const coupon = await couponWithHolds(service);
      for (const user of ['ada', 'bob']) await service.mustClaim(coupon, { user });
      const changes = {
        paused: { paused: true },
        closed: { closes_at: '2020-01-01T00:00:00Z' },
        archived: { archived: true },
      };
      expect((await service.client.patch(pathOf(coupon), changes[state])).status).toBe(200);
      for (const call of ['confirm', 'redeem'] as const) {
        expect((await change(call, { coupon })).status).toBe(200);
      }
      expect((await change('release', { coupon, user: 'bob' })).status).toBe(200);
    },
  );

  it('names of four-byte characters work in the path', async () => {
    const coupon = await couponWithHolds(service, { name: '🎟'.repeat(255) });
    const user = '👩'.repeat(255);
    await service.mustClaim(coupon, { user });
    expect((await change('confirm', { coupon, user })).json).toMatchObject({
      ...{ coupon_name: coupon, user_id: user, state: 'confirmed' },
    });
  });

  it('ten simultaneous redeems without a key redeem once, and ten releases return one unit', async () => {
    const redeemed = await claimIn(service, 'confirmed');
    const released = await claimIn(service, 'reserved', { coupon: redeemed.coupon, user: 'bob' });
    const tenTimes = (call: ChangeOfClaim, claim: StoredClaim) =>
      Promise.all(Array.from({ length: 10 }, () => change(call, claim, { claim_id: claim.id })));
    const redeems = (await tenTimes('redeem', redeemed)).map(({ status }) => status);
    expect(redeems.sort()).toEqual([200, ...Array.from({ length: 9 }, () => 409)]);
    for (const { status } of await tenTimes('release', released)) expect(status).toBe(200);
    expect((await service.client.get(pathOf(redeemed.coupon))).json.remaining_amount).toBe(9);
  });

  it('a hold that expires is released by a release of its user, and the unit can be claimed', async () => {
    const coupon = await couponWithHolds(service, { amount: 1 });
    const claim = await claimIn(service, 'reserved', { coupon });
    await expireHold(service, claim);
    expect((await change('release', claim)).json).toMatchObject({ reason: 'expired' });
    expect((await service.mustClaim(coupon, { user: 'bob' })).json.position).toBe(2);
  });
});
