// SPDX-License-Identifier: GPL-3.0-or-later
import type { Static } from 'typebox';
import type { Claim } from '../../../core/claims/claim.ts';
import type { Coupon, CouponWithHolders } from '../../../core/coupons/coupon.ts';
import type { ClaimBody, CouponBody, CouponSummaryBody } from './responses.ts';

/** The body of a coupon in a list. */
export function toCouponSummary(coupon: Coupon): Static<typeof CouponSummaryBody> {
  return {
    name: coupon.name,
    amount: coupon.amount,
    remaining_amount: coupon.remainingAmount,
    state: coupon.state,
    opens_at: coupon.opensAt,
    closes_at: coupon.closesAt,
    paused: coupon.paused,
    archived: coupon.archived,
    hold_seconds: coupon.holdSeconds,
    claims_per_user_max: coupon.claimsPerUserMax,
    saga: coupon.saga,
    stock_low_at: coupon.stockLowAt,
    title: coupon.title,
    description: coupon.description,
    pause_reason: coupon.pauseReason,
    claims_url: `${couponPath(coupon.name)}/claims`,
  };
}

/** The body of a single coupon, with its holders or the note that they are hidden. */
export function toCouponBody(
  coupon: CouponWithHolders,
  showsHolders: boolean,
): Static<typeof CouponBody> {
  return {
    ...toCouponSummary(coupon),
    ...(showsHolders ? { claimed_by: coupon.holders } : { claimed_by_hidden: true }),
  };
}

/** The body of a claim. Its serialization leaves out what is undefined. */
export function toClaimBody(claim: Claim): Static<typeof ClaimBody> {
  return {
    claim_id: claim.claimId,
    coupon_name: claim.couponName,
    user_id: claim.userId,
    position: claim.position,
    claimed_at: claim.claimedAt,
    state: claim.state,
    expires_at: claim.expiresAt,
    confirmed_at: claim.confirmedAt,
    redeemed_at: claim.redeemedAt,
    released_at: claim.releasedAt,
    reason: claim.reason,
    saga_id: claim.sagaId,
    saga_state: claim.sagaState,
  };
}

/** The path of a coupon. */
export function couponPath(name: string): string {
  return `/api/coupons/${encodeURIComponent(name)}`;
}

/** The body of a claim that is won. Each member is written by name, since this runs for every such claim. */
export function toWonBody(claim: Claim): Static<typeof ClaimBody> {
  return {
    message: 'coupon claimed',
    claim_id: claim.claimId,
    coupon_name: claim.couponName,
    user_id: claim.userId,
    position: claim.position,
    claimed_at: claim.claimedAt,
    state: claim.state,
    expires_at: claim.expiresAt,
    confirmed_at: claim.confirmedAt,
    redeemed_at: claim.redeemedAt,
    saga_id: claim.sagaId,
    saga_state: claim.sagaState,
  };
}

/** The path of a ticket. Its id is safe in a URL. */
export function ticketPath(ticketId: string): string {
  return `/api/tickets/${ticketId}`;
}
