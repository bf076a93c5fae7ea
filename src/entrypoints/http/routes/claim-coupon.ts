// SPDX-License-Identifier: GPL-3.0-or-later
import type { FastifyReply } from 'fastify';
import { Type } from 'typebox';
import type { Claim, ClaimOutcome } from '../../../core/claims/claim.ts';
import { AppError } from '../../../core/errors.ts';
import { fixedProblem, sendProblem } from '../problems/problem.ts';
import { toProblemDetails } from '../problems/to-problem.ts';
import type { Route } from '../route.ts';
import { CouponName, IdempotencyKeyHeader, UserId } from '../schemas/fields.ts';
import { ClaimBody, problemResponses, ref } from '../schemas/responses.ts';
import { toClaimBody } from '../schemas/views.ts';

/** `POST /api/coupons/claim`: takes one unit of a coupon for a user. */
export const claimCouponRoute: Route = (app, { claimCoupon, newClaimId, claimRefused }) => {
  const { errorHandler: answerError } = app;
  const engineFaults = new WeakSet<object>();
  const toOverloaded = (error: unknown): AppError => {
    if (error instanceof AppError && error.code === 'overloaded') return error;
    if (typeof error === 'object' && error !== null) engineFaults.add(error);
    throw error;
  };
  app.post(
    '/api/coupons/claim',
    {
      config: { access: 'claim' },
      // The engine counts only what reaches it, so claims that a hook, the parser or the schema refuses are counted here.
      errorHandler(error, request, reply) {
        if (!engineFaults.has(error)) claimRefused(toProblemDetails(error).code);
        answerError(error, request, reply);
      },
      schema: {
        operationId: 'claimCoupon',
        tags: ['claims'],
        summary: 'Claim one unit of a coupon for a user',
        description:
          'The response is sent after the commit. A repeat with the same `Idempotency-Key` gets the same response, with ' +
          '`Idempotency-Replayed: true`; a repeat without a key is 409 with the claim that the user holds. A coupon with ' +
          '`hold_seconds` gives a `reserved` claim, which ends at `expires_at` unless it is confirmed. After that, and ' +
          'after a release, the user can claim again, with a new key, up to `claims_per_user_max` times in all.',
        headers: IdempotencyKeyHeader,
        body: Type.Object({ user_id: UserId, coupon_name: CouponName }),
        response: { 200: ref(ClaimBody), ...problemResponses(400, 401, 403, 404, 409, 503) },
      },
    },
    async (request, reply) => {
      // Not a `.catch`: that is one more promise for each claim.
      let answer: ClaimOutcome;
      try {
        answer = await claimCoupon({
          couponName: request.body.coupon_name,
          userId: request.body.user_id,
          idempotencyKey: request.headers['idempotency-key'],
          claimId: newClaimId(),
        });
      } catch (error) {
        return sendOverloaded(reply, toOverloaded(error));
      }
      return sendOutcome(reply, answer);
    },
  );
};

function sendOutcome(reply: FastifyReply, answer: ClaimOutcome) {
  switch (answer.outcome) {
    case 'replayed':
      reply.header('Idempotency-Replayed', 'true');
      return toWonBody(answer.claim);
    case 'claimed':
      return toWonBody(answer.claim);
    case 'already_claimed':
      return sendProblem(reply, {
        code: answer.outcome,
        detail: 'this user holds the coupon already',
        members: { claim: toClaimBody(answer.claim) },
      });
    case 'claim_released':
      return sendProblem(reply, {
        code: answer.outcome,
        detail: 'the claim with this Idempotency-Key was released; a new claim needs a new key',
        members: { claim: toClaimBody(answer.claim) },
      });
    case 'hold_expired':
      return sendProblem(reply, {
        code: answer.outcome,
        detail: 'the hold with this Idempotency-Key has expired; a new claim needs a new key',
        members: { claim: toClaimBody(answer.claim) },
      });
    case 'not_open':
      return sendProblem(reply, {
        code: answer.outcome,
        detail: `the sale opens at ${answer.opensAt}`,
        members: { opens_at: answer.opensAt },
        retryAfterSeconds: answer.opensInSeconds,
      });
    default:
      return sendRefusal[answer.outcome](reply);
  }
}

/** A claim that is not released. Each member is written by name, since this runs for every claim that wins. */
function toWonBody(claim: Claim) {
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
  };
}

const sendRefusal = {
  coupon_not_found: fixedProblem('coupon_not_found', 'there is no coupon of this name'),
  paused: fixedProblem('paused', 'the sale is paused'),
  closed: fixedProblem('closed', 'the sale is over'),
  sold_out: fixedProblem('sold_out', 'no stock available'),
  claim_limit_reached: fixedProblem(
    'claim_limit_reached',
    'this user cannot claim the coupon again',
  ),
};

// By detail, of which the core has a handful.
const overloads = new Map<string, ReturnType<typeof fixedProblem>>();

/** In an overload nearly every request ends here, and a fixed problem costs less than the path of other faults. */
function sendOverloaded(reply: FastifyReply, { code, detail }: AppError): void {
  let send = overloads.get(detail);
  if (send === undefined) {
    send = fixedProblem(code, detail);
    overloads.set(detail, send);
  }
  send(reply);
}
