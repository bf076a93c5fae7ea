// SPDX-License-Identifier: GPL-3.0-or-later
/** The refusals of claims as problems: as the response to a claim, and as the result of a ticket. */
import type { ClaimOutcome } from '../../../core/claims/claim.ts';
import { toClaimBody } from '../schemas/views.ts';
import type { ProblemDetails } from './problem.ts';

/** An outcome that is no claim won. */
export type ClaimRefusal = Exclude<ClaimOutcome, { outcome: 'claimed' | 'replayed' }>;

/** The details of refusals that are always the same. */
export const fixedDetails = {
  coupon_not_found: 'there is no coupon of this name',
  paused: 'the sale is paused',
  closed: 'the sale is over',
  sold_out: 'no stock available',
  claim_limit_reached: 'this user cannot claim the coupon again',
} as const;

const detailsWithClaim = {
  already_claimed: 'this user holds the coupon already',
  claim_released: 'the claim with this Idempotency-Key was released; a new claim needs a new key',
  hold_expired: 'the hold with this Idempotency-Key has expired; a new claim needs a new key',
} as const;

/** A refusal as a problem. */
export function toRefusalDetails(refusal: ClaimRefusal): ProblemDetails {
  switch (refusal.outcome) {
    case 'already_claimed':
    case 'claim_released':
    case 'hold_expired':
      return {
        code: refusal.outcome,
        detail: detailsWithClaim[refusal.outcome],
        members: { claim: toClaimBody(refusal.claim) },
      };
    case 'not_open':
      return {
        code: refusal.outcome,
        detail: `the sale opens at ${refusal.opensAt}`,
        members: { opens_at: refusal.opensAt },
        retryAfterSeconds: refusal.opensInSeconds,
      };
    default:
      return { code: refusal.outcome, detail: fixedDetails[refusal.outcome] };
  }
}
