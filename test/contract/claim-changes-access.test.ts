// SPDX-License-Identifier: GPL-3.0-or-later
/** What the keys of a service may do with claims, and in which order its refusals come. */
import { describe, expect, it } from 'vitest';
import { adminKey, bearers, claimKey, viewerKey } from '../support/access-keys.ts';
import { changeClaim, claimIn, expireHold } from '../support/claim-states.ts';
import { clientOf } from '../support/contract-client.ts';
import { expectProblem } from '../support/contract-problems.ts';
import { newName, pathOf, useService } from '../support/contract-service.ts';

const allKeys = { ADMIN_API_KEY: adminKey, CLAIM_API_KEY: claimKey, VIEWER_API_KEY: viewerKey };
const never = '01947a5c-3e2f-7d10-8b6a-5f0c1d2e3f40';

describe('a service with a claim key and no admin key', () => {
  const service = useService({ CLAIM_API_KEY: claimKey });
  const claimer = () => service.with(clientOf(service.client.url, bearers.claim));

  it('the claim key releases what is reserved, but nothing confirmed, and makes no release final', async () => {
    const reserved = await claimIn(claimer(), 'reserved');
    const final = { claim_id: reserved.id, final: true };
    expectProblem(await changeClaim(claimer(), 'release', reserved, final), 'forbidden');
    expect((await changeClaim(claimer(), 'release', reserved)).status).toBe(200);
    expectProblem(await changeClaim(claimer(), 'release', reserved, final), 'forbidden');
    const confirmed = await claimIn(claimer(), 'confirmed');
    expectProblem(await changeClaim(claimer(), 'release', confirmed), 'forbidden');
    expectProblem(await changeClaim(service, 'release', confirmed), 'unauthorized');
    const { json } = await claimer().client.get(pathOf(confirmed.coupon, 'claims', 'ada'));
    expect(json.state).toBe('confirmed');
  });
});

describe('a service without keys', () => {
  const service = useService();

  it('every caller is an operator, who releases what is confirmed and makes a release final', async () => {
    const claim = await claimIn(service, 'confirmed');
    expect((await changeClaim(service, 'release', claim, { final: true })).status).toBe(200);
  });
});

describe('a service with an admin key and a claim key', () => {
  const service = useService(allKeys);
  const as = (key: 'admin' | 'claim') => service.with(clientOf(service.client.url, bearers[key]));

  it('the claim key confirms, redeems, and releases what is reserved', async () => {
    const confirmed = await claimIn(as('admin'), 'reserved');
    const released = await claimIn(as('admin'), 'reserved', {
      coupon: confirmed.coupon,
      user: 'bob',
    });
    for (const call of ['confirm', 'redeem'] as const) {
      expect((await changeClaim(as('claim'), call, confirmed)).status).toBe(200);
    }
    expect((await changeClaim(as('claim'), 'release', released)).status).toBe(200);
    expect((await changeClaim(as('claim'), 'release', released)).status).toBe(200);
  });

  it('the claim key releases no confirmed claim, and the admin key does, which is logged', async () => {
    const claim = await claimIn(as('admin'), 'confirmed');
    expectProblem(await changeClaim(as('claim'), 'release', claim), 'forbidden');
    const { client } = as('admin');
    const path = pathOf(claim.coupon, 'claims', 'ada');
    expect((await client.get(path)).json.state).toBe('confirmed');
    const body = { claim_id: claim.id, reason: 'a mistake' };
    const { json } = await changeClaim(as('admin'), 'release', claim, body);
    expect(json.state).toBe('released');
    const [entry] = (await client.get('/api/operator-log?limit=1')).json.entries;
    expect(entry).toMatchObject({
      ...{ actor: 'admin', action: 'release_claim', coupon_name: claim.coupon },
      ...{
        reason: 'a mistake',
        before: { claim_id: claim.id, user_id: 'ada', state: 'confirmed' },
      },
      after: { claim_id: claim.id, state: 'released', released_at: json.released_at, final: false },
    });
  });

  it('only the admin key makes a release final, also of a claim that is released already', async () => {
    for (const state of ['reserved', 'confirmed', 'released'] as const) {
      const claim = await claimIn(as('admin'), state);
      const body = { claim_id: claim.id, final: true };
      expectProblem(await changeClaim(as('claim'), 'release', claim, body), 'forbidden');
      expect((await changeClaim(as('admin'), 'release', claim, body)).status).toBe(200);
      const [entry] = (await as('admin').client.get('/api/operator-log?limit=1')).json.entries;
      expect(entry).toMatchObject({
        ...{ action: 'release_claim', coupon_name: claim.coupon },
        after: { claim_id: claim.id, state: 'released', final: true },
      });
    }
    const claim = await claimIn(as('admin'), 'reserved');
    const notFinal = await changeClaim(as('claim'), 'release', claim, { final: false });
    expect(notFinal.status, notFinal.text).toBe(200);
  });

  it('releases of what is reserved are not in the operator log', async () => {
    const claim = await claimIn(as('admin'), 'released');
    const { entries } = (await as('admin').client.get('/api/operator-log')).json;
    const actions = entries
      .filter((entry: { coupon_name: string }) => entry.coupon_name === claim.coupon)
      .map((entry: { action: string }) => entry.action);
    expect(actions).toEqual(['create_coupon']);
  });

  it('refusals come in the order of the contract', async () => {
    const final = { final: true };
    const claimed = as('claim');
    const refusal = (claim: { coupon: string; user?: string }, body: object) =>
      changeClaim(claimed, 'release', claim, body);
    expectProblem(await refusal({ coupon: newName() }, final), 'coupon_not_found');
    const redeemed = await claimIn(as('admin'), 'redeemed');
    expectProblem(await refusal({ ...redeemed, user: 'bob' }, final), 'claim_not_found');
    expectProblem(await refusal(redeemed, { ...final, claim_id: never }), 'claim_mismatch');
    expectProblem(await refusal(redeemed, final), 'already_redeemed');
    const released = await claimIn(as('admin'), 'released');
    expectProblem(await refusal(released, final), 'forbidden');
    const expired = await claimIn(as('admin'), 'reserved');
    await expireHold(service, expired);
    expectProblem(await refusal(expired, final), 'forbidden');
  });
});
