// SPDX-License-Identifier: GPL-3.0-or-later
/** Which claim a call means when its user has had several. */
import { describe, expect, it } from 'vitest';
import { changeClaim, claimIn, type StoredClaim } from '../support/claim-states.ts';
import type { Answer } from '../support/contract-client.ts';
import { expectProblem } from '../support/contract-problems.ts';
import { pathOf, useService } from '../support/contract-service.ts';

const service = useService();
const never = '01947a5c-3e2f-7d10-8b6a-5f0c1d2e3f40';
const noIds = ['x', 'ordér 7', '🎟'.repeat(255), '00000000-0000-0000-0000-000000000000'];
const calls = ['confirm', 'release', 'redeem'] as const;

const change = (call: (typeof calls)[number], claim: StoredClaim, body = {}): Promise<Answer> =>
  changeClaim(service, call, claim, body);

/** A claim that ended, and a newer one of the same user. */
async function twoClaims(
  ended: 'released' | 'expired',
  live: 'reserved' | 'confirmed' | 'redeemed',
) {
  const first = await claimIn(service, ended);
  const second = await claimIn(service, live, { coupon: first.coupon });
  expect(second.made).toMatchObject({ position: 2 });
  expect(second.id).not.toBe(first.id);
  return { first, second };
}

const liveState = async ({ coupon }: StoredClaim) =>
  (await service.client.get(pathOf(coupon, 'claims', 'ada'))).json.state;

describe('a claim_id', () => {
  it.each(calls)(
    '%s with an id of no claim of this user is claim_mismatch with the live claim',
    async (call) => {
      const claim = await claimIn(service, 'confirmed');
      const other = await claimIn(service, 'confirmed', { coupon: claim.coupon, user: 'bob' });
      for (const id of [never, other.id]) {
        const answer = await change(call, claim, { claim_id: id });
        expectProblem(answer, 'claim_mismatch');
        expect(answer.json.claim).toMatchObject({ claim_id: claim.id, state: 'confirmed' });
      }
      expect(await liveState(claim)).toBe('confirmed');
    },
  );

  it.each(calls)(
    '%s with an id of no claim is claim_mismatch without a live claim',
    async (call) => {
      const claim = await claimIn(service, 'released');
      for (const id of [never, ...noIds]) {
        const answer = await change(call, claim, { claim_id: id });
        expectProblem(answer, 'claim_mismatch');
        expect(answer.json).not.toHaveProperty('claim');
      }
    },
  );

  it.each(calls)('%s counts any text that is no id of a claim as a mismatch', async (call) => {
    const claim = await claimIn(service, 'confirmed');
    for (const id of [...noIds, `urn:uuid:${claim.id}`, `{${claim.id}}`, ` ${claim.id}`]) {
      const answer = await change(call, claim, { claim_id: id });
      expectProblem(answer, 'claim_mismatch');
      expect(answer.json.claim).toMatchObject({ claim_id: claim.id, state: 'confirmed' });
    }
    const none = { ...claim, user: 'bob' };
    expectProblem(await changeClaim(service, call, none, { claim_id: 'x' }), 'claim_not_found');
  });

  it('is read in any case of its letters', async () => {
    const claim = await claimIn(service, 'reserved');
    const answer = await change('confirm', claim, { claim_id: claim.id.toUpperCase() });
    expect(answer.status, answer.text).toBe(200);
  });

  it.each([
    ['released', 'claim_released'],
    ['expired', 'hold_expired'],
  ] as const)(
    'of a claim that is %s means that one while a newer one is live',
    async (ended, code) => {
      for (const live of ['reserved', 'confirmed', 'redeemed'] as const) {
        const { first, second } = await twoClaims(ended, live);
        const release = await change('release', first, { claim_id: first.id });
        expect(release.status, release.text).toBe(200);
        expect(release.json).toMatchObject({ claim_id: first.id, state: 'released' });
        for (const call of ['confirm', 'redeem'] as const) {
          const answer = await change(call, first, { claim_id: first.id });
          expectProblem(answer, code);
          expect(answer.json.claim).toMatchObject({ claim_id: first.id, state: 'released' });
        }
        expect(await liveState(second)).toBe(live);
      }
    },
  );

  it('of an older one of several ended claims means that one', async () => {
    const first = await claimIn(service, 'released');
    await claimIn(service, 'expired', { coupon: first.coupon });
    const answer = await change('confirm', first, { claim_id: first.id });
    expectProblem(answer, 'claim_released');
    expect(answer.json.claim.claim_id).toBe(first.id);
  });
});

describe('a call without a claim_id', () => {
  it('confirm and redeem mean the live claim, also after an earlier one has ended', async () => {
    const { second } = await twoClaims('released', 'reserved');
    for (const [call, state] of [
      ['confirm', 'confirmed'],
      ['redeem', 'redeemed'],
    ] as const) {
      expect((await change(call, second)).json).toMatchObject({ claim_id: second.id, state });
    }
  });

  it.each(['released', 'expired'] as const)(
    'release frees no newer claim after an earlier one was %s, and shows both',
    async (ended) => {
      for (const live of ['reserved', 'confirmed', 'redeemed'] as const) {
        const { first, second } = await twoClaims(ended, live);
        const answer = await change('release', second);
        expectProblem(answer, 'claim_mismatch');
        expect(answer.json.claim).toMatchObject({ claim_id: second.id, state: live });
        expect(answer.json.last_claim).toMatchObject({ claim_id: first.id, state: 'released' });
        expect(await liveState(second)).toBe(live);
      }
    },
  );

  it('all three mean the last ended claim of a user without a live one', async () => {
    const first = await claimIn(service, 'expired');
    const last = await claimIn(service, 'released', { coupon: first.coupon });
    expect((await change('release', first)).json).toMatchObject({ claim_id: last.id });
    for (const call of ['confirm', 'redeem'] as const) {
      const answer = await change(call, first);
      expectProblem(answer, 'claim_released');
      expect(answer.json.claim.claim_id).toBe(last.id);
    }
  });
});
