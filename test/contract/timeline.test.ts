// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { expectInvalid, expectProblem } from '../support/contract-problems.ts';
import { decidesAtOnce, pathOf, until, useService } from '../support/contract-service.ts';
import { createWebhook } from '../support/webhooks.ts';

describe('the timeline of a claim', () => {
  const service = useService(decidesAtOnce);
  const timelineOf = (claimId: string, coupon: string) =>
    service.client.get(`/api/claims/${claimId}/timeline?coupon_name=${encodeURIComponent(coupon)}`);

  it('has its changes in order, with the reason and the operator of its release', async () => {
    const coupon = await service.createCoupon({ hold_seconds: 600 });
    const { claim_id: id } = (await service.mustClaim(coupon, { user: 'ada' })).json;
    await service.mustClaim(coupon, { user: 'bob' });
    const change = (name: string, body = {}) =>
      service.client.post(pathOf(coupon, 'claims', 'ada', name), { claim_id: id, ...body });
    await change('confirm');
    await change('release', { reason: 'bought twice' });
    const { json } = await timelineOf(id, coupon);
    expect(json.claim).toMatchObject({ claim_id: id, state: 'released', user_id: 'ada' });
    const { claimed_at, confirmed_at, released_at } = json.claim;
    expect(json.entries).toEqual([
      { at: claimed_at, kind: 'change', name: 'claimed' },
      { at: confirmed_at, kind: 'change', name: 'confirmed' },
      {
        ...{ at: released_at, kind: 'change', name: 'released' },
        ...{ reason: 'bought twice', actor: 'anonymous' },
      },
    ]);
    // A final release later changes nothing of the claim, so it is an entry of its own.
    await change('release', { final: true, reason: 'never again' });
    const { json: later } = await timelineOf(id.toUpperCase(), coupon);
    expect(later.entries.at(-1)).toMatchObject({
      ...{ kind: 'operator', name: 'release_claim', actor: 'anonymous', reason: 'never again' },
    });
    expect(later.entries).toHaveLength(4);
  });

  it('has the deliveries of its events, and of no other claim', async () => {
    const coupon = await service.createCoupon();
    // Nothing is sent to it: the address is not public.
    const webhook = await createWebhook(service.database, { url: 'https://127.0.0.1/' });
    const { claim_id: id } = (await service.mustClaim(coupon, { user: 'ada' })).json;
    await service.mustClaim(coupon, { user: 'bob' });
    const { json } = await until(
      () => timelineOf(id, coupon),
      ({ json: { entries } }) => entries.length >= 2,
    );
    expect(json.entries).toMatchObject([
      { kind: 'change', name: 'claimed', at: json.claim.claimed_at },
      { kind: 'delivery', name: 'claim.confirmed', webhook_id: webhook },
    ]);
    expect(json.entries[1].event_id).toMatch(/^evt_/);
    expect(json.entries[1].at >= json.claim.claimed_at).toBe(true);
    await service.database.query('delete from webhooks');
  });

  it('is refused for unknown coupons and claims, and without the name of the coupon', async () => {
    const coupon = await service.createCoupon();
    const never = '01947a5c-3e2f-7d10-8b6a-5f0c1d2e3f40';
    expectProblem(await timelineOf(never, 'never'), 'coupon_not_found');
    expectProblem(await timelineOf(never, coupon), 'claim_not_found');
    expectInvalid(await timelineOf('x', coupon), 'claim_id');
    expectInvalid(await service.client.get(`/api/claims/${never}/timeline`), 'coupon_name');
  });
});
