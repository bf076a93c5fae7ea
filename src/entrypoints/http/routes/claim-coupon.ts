// SPDX-License-Identifier: GPL-3.0-or-later
import type { FastifyReply } from 'fastify';
import { Type } from 'typebox';
import type { Claim } from '../../../core/claims/claim.ts';
import { AppError } from '../../../core/errors.ts';
import { fixedProblem, sendProblem } from '../problems/problem.ts';
import type { Route } from '../route.ts';
import { CouponName, IdempotencyKeyHeader, UserId } from '../schemas/fields.ts';
import { ClaimBody, problemResponses, ref } from '../schemas/responses.ts';
import { toClaimBody } from '../schemas/views.ts';

/** `POST /api/coupons/claim`: takes one unit of a coupon for a user. */
export const claimCouponRoute: Route = (app, { claimCoupon }) => {
  app.post(
    '/api/coupons/claim',
    {
      config: { access: 'claim' },
      schema: {
        operationId: 'claimCoupon',
        tags: ['claims'],
        summary: 'Claim one unit of a coupon for a user',
        description:
          'Answered after the commit. Asking again with the same `Idempotency-Key` gives the same answer, with ' +
          '`Idempotency-Replayed: true`; without one a repeat is 409 with the claim that is held.',
        headers: IdempotencyKeyHeader,
        body: Type.Object({ user_id: UserId, coupon_name: CouponName }),
        response: { 200: ref(ClaimBody), ...problemResponses(400, 401, 404, 409, 503) },
      },
    },
    async (request, reply) => {
      const decision = await claimCoupon({
        couponName: request.body.coupon_name,
        userId: request.body.user_id,
        idempotencyKey: request.headers['idempotency-key'],
      }).catch(toOverloaded);
      if (decision instanceof AppError) return tellOverloaded(decision, reply);
      switch (decision.outcome) {
        case 'replayed':
          reply.header('Idempotency-Replayed', 'true');
          return toWonBody(decision.claim);
        case 'claimed':
          return toWonBody(decision.claim);
        case 'already_claimed':
          return sendProblem(reply, {
            code: decision.outcome,
            detail: 'this user holds the coupon already',
            members: { claim: toClaimBody(decision.claim) },
          });
        case 'not_open':
          return sendProblem(reply, {
            code: decision.outcome,
            detail: `the sale opens at ${decision.opensAt}`,
            members: { opens_at: decision.opensAt },
            retryAfterSeconds: decision.opensInSeconds,
          });
        default:
          return refusals[decision.outcome](reply);
      }
    },
  );
};

/** Each member by name, as this is made for every claim that wins. */
function toWonBody(claim: Claim) {
  return {
    message: 'coupon claimed',
    claim_id: claim.claimId,
    coupon_name: claim.couponName,
    user_id: claim.userId,
    position: claim.position,
    claimed_at: claim.claimedAt,
  };
}

/** In an overload nearly every request hears this, and the way of all other faults is longer than that of a claim. */
function toOverloaded(error: unknown): AppError {
  if (error instanceof AppError && error.code === 'overloaded') return error;
  throw error;
}

// The core has a handful of reasons.
const overloads = new Map<string, ReturnType<typeof fixedProblem>>();

function tellOverloaded({ code, detail }: AppError, reply: FastifyReply): void {
  let tell = overloads.get(detail);
  if (tell === undefined) {
    tell = fixedProblem(code, detail);
    overloads.set(detail, tell);
  }
  tell(reply);
}

const refusals = {
  coupon_not_found: fixedProblem('coupon_not_found', 'there is no coupon of this name'),
  paused: fixedProblem('paused', 'the sale is paused'),
  closed: fixedProblem('closed', 'the sale is over'),
  sold_out: fixedProblem('sold_out', 'no stock available'),
};
