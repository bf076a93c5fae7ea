// SPDX-License-Identifier: GPL-3.0-or-later
/** Claims in each state, made by calls of a service; only the end of a hold is set past it, since no test waits for it. */
import { expect } from 'vitest';
import type { Answer } from './contract-client.ts';
import { type ContractService, pathOf } from './contract-service.ts';

/** A state of a claim as a caller meets it. `expired`: the hold is over, and nothing has released the claim yet. */
export const claimStates = ['reserved', 'expired', 'confirmed', 'redeemed', 'released'] as const;
/** One of them. */
export type StateOfClaim = (typeof claimStates)[number];

/** The claim of a user, and the body of the call that made it. */
export type StoredClaim = { coupon: string; user: string; id: string; made: Answer['json'] };

/** What the three calls do. */
export type ChangeOfClaim = 'confirm' | 'release' | 'redeem';

/** Creates a coupon whose claims are reserved for ten minutes, and returns its name. */
export function couponWithHolds(
  service: ContractService,
  fields: Record<string, unknown> = {},
): Promise<string> {
  return service.createCoupon({ hold_seconds: 600, ...fields });
}

/** Confirms, releases or redeems the claim of a user. */
export function changeClaim(
  { client }: ContractService,
  change: ChangeOfClaim,
  { coupon, user = 'ada' }: { coupon: string; user?: string },
  body: unknown = {},
  headers: Record<string, string> = {},
): Promise<Answer> {
  return client.post(pathOf(coupon, 'claims', user, change), body, headers);
}

/** Ends the hold of a user at once. */
export async function expireHold(
  { database }: ContractService,
  { coupon, user }: Pick<StoredClaim, 'coupon' | 'user'>,
): Promise<void> {
  const rows = await database.query(
    `update claims set expires_at = claimed_at
     where coupon_id = (select id from coupons where name = $1) and user_id = $2 and expires_at is not null
     returning position`,
    [coupon, user],
  );
  expect(rows).toHaveLength(1);
}

/** Makes a claim of a coupon with holds and brings it into a state. */
export async function claimIn(
  service: ContractService,
  state: StateOfClaim,
  { coupon, user = 'ada', key }: { coupon?: string; user?: string; key?: string } = {},
): Promise<StoredClaim> {
  const of = coupon ?? (await couponWithHolds(service));
  const { json: made } = await service.mustClaim(of, { user, ...(key !== undefined && { key }) });
  const claim = { coupon: of, user, id: made.claim_id, made };
  const must = async (change: ChangeOfClaim, body = {}) => {
    const answer = await changeClaim(service, change, claim, { claim_id: claim.id, ...body });
    expect(answer.status, answer.text).toBe(200);
  };
  if (state === 'expired') await expireHold(service, claim);
  if (state === 'confirmed' || state === 'redeemed') await must('confirm');
  if (state === 'redeemed') await must('redeem');
  if (state === 'released') await must('release', { reason: 'changed my mind' });
  return claim;
}
