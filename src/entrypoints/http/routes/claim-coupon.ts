// SPDX-License-Identifier: GPL-3.0-or-later
import type { FastifyReply, preValidationHookHandler } from 'fastify';
import { Type } from 'typebox';
import type { ClaimAnswer } from '../../../core/claims/claim.ts';
import { AppError } from '../../../core/errors.ts';
import { otherUserRefused } from '../access.ts';
import { fixedDetails, toRefusalDetails } from '../problems/claim-refusals.ts';
import { fixedProblem, sendProblem } from '../problems/problem.ts';
import { toProblemDetails } from '../problems/to-problem.ts';
import { type Preference, preferenceOf } from '../requests/prefer.ts';
import type { Route } from '../route.ts';
import { CouponName, IdempotencyKeyHeader, UserId } from '../schemas/fields.ts';
import {
  LocationHeader,
  PreferenceHeader,
  ReplayedHeader,
  RetryAfterHeader,
  withHeaders,
} from '../schemas/headers.ts';
import { ref } from '../schemas/ref.ts';
import { ClaimBody, problemResponses } from '../schemas/responses.ts';
import { AcceptedTicketBody, PreferHeader } from '../schemas/tickets.ts';
import { ticketPath, toWonBody } from '../schemas/views.ts';

const problems = problemResponses(400, 401, 403, 404, 409, 503);

/** `POST /api/coupons/claim`: takes one unit of a coupon for a user. */
export const claimCouponRoute: Route = (app, dependencies) => {
  const { access, claimCoupon, claimRefused, newClaimId, tickets } = dependencies;
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
      ...(access.hasUserTokens && { preValidation: completeBody }),
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
          'after a release, the user can claim again, with a new key, up to `claims_per_user_max` times in all. The saga of a ' +
          'coupon with `saga` confirms or releases the claim instead: `saga_id` names it, and there is no `expires_at`. ' +
          'A user token claims for its own user: `user_id` may be left out, and another one is 403. Where claims go into a ' +
          'queue (`CLAIM_MODE=queued`), a claim that is not decided within the wait of `Prefer` (5 seconds by default) is 202, ' +
          'with the ticket under which its result can be read.',
        headers: Type.Object({ ...IdempotencyKeyHeader.properties, prefer: PreferHeader }),
        body: Type.Object({ user_id: UserId, coupon_name: CouponName }),
        response: {
          ...problems,
          200: withHeaders(ref(ClaimBody), ReplayedHeader),
          202: withHeaders(ref(AcceptedTicketBody), LocationHeader, PreferenceHeader),
          409: { ...problems[409], headers: RetryAfterHeader },
        },
      },
    },
    async (request, reply) => {
      if (request.caller === 'user' && request.body.user_id !== request.userId) {
        throw otherUserRefused();
      }
      // Not a `.catch`: that is one more promise for each claim.
      let answer: ClaimAnswer;
      const preference = tickets?.takesClaims ? preferenceOf(request.headers.prefer) : undefined;
      try {
        answer = await claimCoupon({
          couponName: request.body.coupon_name,
          userId: request.body.user_id,
          idempotencyKey: request.headers['idempotency-key'],
          claimId: newClaimId(),
          waitMs: preference?.waitMs,
        });
      } catch (error) {
        return sendOverloaded(reply, toOverloaded(error));
      }
      return sendAnswer(reply, request, answer, preference);
    },
  );
};

/** The user of a token may be left out of the body. */
const completeBody: preValidationHookHandler = ({ caller, userId, body }, _reply, done) => {
  if (caller === 'user' && isObject(body) && !('user_id' in body)) body.user_id = userId;
  done();
};

function isObject(body: unknown): body is Record<string, unknown> {
  return typeof body === 'object' && body !== null && !Array.isArray(body);
}

function sendAnswer(
  reply: FastifyReply,
  { body }: { body: { user_id: string; coupon_name: string } },
  answer: ClaimAnswer,
  preference: Preference | undefined,
) {
  switch (answer.outcome) {
    case 'replayed':
      reply.header('Idempotency-Replayed', 'true');
      return toWonBody(answer.claim);
    case 'claimed':
      return toWonBody(answer.claim);
    case 'accepted':
      if (preference?.applied !== undefined) {
        reply.header('Preference-Applied', preference.applied);
      }
      reply.code(202).header('Location', ticketPath(answer.ticketId));
      return {
        ...{ ticket_id: answer.ticketId, state: 'accepted' as const },
        ...{ coupon_name: body.coupon_name, user_id: body.user_id },
      };
    case 'already_claimed':
    case 'claim_released':
    case 'hold_expired':
    case 'not_open':
      return sendProblem(reply, toRefusalDetails(answer));
    default:
      return sendRefusal[answer.outcome](reply);
  }
}

const sendRefusal = {
  coupon_not_found: fixedRefusal('coupon_not_found'),
  paused: fixedRefusal('paused'),
  closed: fixedRefusal('closed'),
  sold_out: fixedRefusal('sold_out'),
  claim_limit_reached: fixedRefusal('claim_limit_reached'),
};

function fixedRefusal(code: keyof typeof fixedDetails) {
  return fixedProblem(code, fixedDetails[code]);
}

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
