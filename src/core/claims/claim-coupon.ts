// SPDX-License-Identifier: GPL-3.0-or-later
import type { ClaimCommand } from './claim.ts';
import type { ClaimLanes } from './claim-lanes.ts';
import type { ClaimOutcome } from './claim-outcome.ts';
import type { KnownCoupons } from './known-coupons.ts';

/**
 * Claims one unit of a coupon for a user. Resolves with a decision that is committed; rejects with an `AppError` that
 * tells whether anything may have changed.
 */
export type ClaimCoupon = (command: ClaimCommand) => Promise<ClaimOutcome>;

/** Refuses what needs no lock (a coupon that does not exist), then lets the claim wait in its coupon's lane. */
export function claimCouponWith(parts: {
  knownCoupons: KnownCoupons;
  lanes: Pick<ClaimLanes, 'claim'>;
  newClaimId(): string;
}): ClaimCoupon {
  const { knownCoupons, lanes, newClaimId } = parts;
  // Each member by name: a spread would be copied member by member at every claim.
  const claim = ({ couponName, userId, idempotencyKey }: ClaimCommand) =>
    lanes.claim({ couponName, userId, idempotencyKey, claimId: newClaimId() });
  return (command) => {
    if (knownCoupons.has(command.couponName)) return claim(command);
    return knownCoupons
      .find(command.couponName)
      .then((found) => (found ? claim(command) : { outcome: 'coupon_not_found' }));
  };
}
