// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import type { Call } from '../support/contract-client.ts';
import { newName, useService } from '../support/contract-service.ts';

const claimKey = 'claim-key-of-thirty-two-characters!';
const authorized = { Authorization: `Bearer ${claimKey}` };

const aClaimOf = (coupon: string): Call => ({
  ...{ method: 'POST', path: '/api/coupons/claim', headers: authorized },
  body: { user_id: newName('user'), coupon_name: coupon },
});

type Case = [what: string, outcome: string, status: number, claim: (coupon: string) => Call];

const cases: Case[] = [
  ['that wins', 'claimed', 200, aClaimOf],
  ['of no coupon', 'coupon_not_found', 404, () => aClaimOf('no such coupon')],
  ['without a key', 'unauthorized', 401, (coupon) => ({ ...aClaimOf(coupon), headers: {} })],
  [
    ...(['without a user', 'invalid_request', 400] as const),
    (coupon) => ({ ...aClaimOf(coupon), body: { coupon_name: coupon } }),
  ],
  [
    ...(['whose body is not JSON', 'invalid_request', 400] as const),
    (coupon) => ({ ...aClaimOf(coupon), body: '{' }),
  ],
  [
    ...(['with an invalid idempotency key', 'invalid_request', 400] as const),
    (coupon) => ({ ...aClaimOf(coupon), headers: { ...authorized, 'Idempotency-Key': 'ä' } }),
  ],
  [
    ...(['with a large body', 'body_too_large', 413] as const),
    (coupon) => ({ ...aClaimOf(coupon), body: 'x'.repeat(16_385) }),
  ],
  [
    ...(['of another origin', 'cross_origin', 403] as const),
    (coupon) => ({
      ...aClaimOf(coupon),
      headers: { ...authorized, Origin: 'https://other.example' },
    }),
  ],
  [
    ...(['for another host', 'host_not_allowed', 403] as const),
    (coupon) => ({ ...aClaimOf(coupon), headers: { ...authorized, Host: 'other.example' } }),
  ],
];

describe('the metrics of claims', () => {
  const service = useService({ CLAIM_API_KEY: claimKey });

  /** The counts of claims by outcome, of a counter or of a histogram. */
  const counts = async (name: string): Promise<Map<string, number>> => {
    const { text } = await service.client.get('/metrics');
    const lines = text.matchAll(new RegExp(`^${name}\\{outcome="(\\w+)"\\} (\\d+)$`, 'gm'));
    return new Map([...lines].map(([, outcome = '', count]) => [outcome, Number(count)]));
  };

  const total = 'firstcome_claims_total';
  const times = 'firstcome_claim_answer_seconds_count';
  const plusOne = (before: Map<string, number>, outcome: string) =>
    new Map([...before, [outcome, (before.get(outcome) ?? 0) + 1]]);

  it.each(cases)('count a claim %s once, as %s', async (_, outcome, status, claim) => {
    const coupon = await service.createCoupon();
    const before = await counts(total);
    const answer = await service.client.call(claim(coupon));
    expect(answer.status, answer.text).toBe(status);
    expect(await counts(total)).toEqual(plusOne(before, outcome));
  });

  it('measure the time of a claim that the engine answers, and not of one that is refused before', async () => {
    const coupon = await service.createCoupon();
    const before = await counts(times);
    await service.client.call(aClaimOf(coupon));
    const after = await counts(times);
    expect(after).toEqual(plusOne(before, 'claimed'));
    const refused = await service.client.call({ ...aClaimOf(coupon), headers: {} });
    expect(refused.status).toBe(401);
    expect(await counts(times)).toEqual(after);
  });
});
