// SPDX-License-Identifier: GPL-3.0-or-later
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { ChangeClaimOutcome, ClaimChange } from '../../../core/claims/claim.ts';
import { sendProblem } from '../problems/problem.ts';
import type { Route } from '../route.ts';
import {
  ClaimIdToChange,
  ClaimParams,
  IdempotencyKeyHeader,
  NoQuery,
  onlyObject,
  ReleaseReason,
} from '../schemas/fields.ts';
import { ReplayedHeader, withHeaders } from '../schemas/headers.ts';
import { ref } from '../schemas/ref.ts';
import { ClaimBody, problemResponses } from '../schemas/responses.ts';
import { toClaimBody } from '../schemas/views.ts';

const claimId = { claim_id: Type.Optional(ClaimIdToChange) };
const OnlyClaimId = onlyObject(claimId);
const Release = onlyObject({
  ...claimId,
  reason: Type.Optional(ReleaseReason),
  final: Type.Optional(
    Type.Boolean({ description: 'The user can never claim this coupon again. For the admin key.' }),
  ),
});

const ofEachCall = {
  tags: ['claims'],
  params: ClaimParams,
  querystring: NoQuery,
  response: { 200: ref(ClaimBody), ...problemResponses(400, 401, 403, 404, 409, 503) },
};

const confirmSchema = {
  ...ofEachCall,
  operationId: 'confirmClaim',
  summary: 'Confirm a reserved claim',
  description:
    'The claim no longer ends by itself. A claim that is confirmed already is returned as it is. A user token confirms ' +
    'only where `USER_TOKEN_MAY_CONFIRM` is true. The body may be absent.',
  body: OnlyClaimId,
};
const releaseSchema = {
  ...ofEachCall,
  response: {
    ...ofEachCall.response,
    202: { ...ref(ClaimBody), 'x-response-description': 'The claim. Its saga was asked to undo.' },
  },
  operationId: 'releaseClaim',
  summary: 'Release a claim',
  description:
    'The unit is on sale again, and the position is never given again. The claim key releases what is reserved, a ' +
    'user token what its user has reserved, the admin key also what is confirmed. A claim that is released already is returned as it is. If the coupon is ' +
    'sold out, the call takes about half a second: the unit returns once no process refuses claims from its ' +
    'sold-out cache. The body may be absent.',
  body: Release,
};
const redeemSchema = {
  ...ofEachCall,
  operationId: 'redeemClaim',
  summary: 'Redeem a confirmed claim, once',
  description:
    'A repeat with the same `Idempotency-Key` gets the same response, with `Idempotency-Replayed: true`; any other ' +
    'repeat is 409 `already_redeemed`. The body may be absent.',
  headers: IdempotencyKeyHeader,
  body: OnlyClaimId,
  response: { ...ofEachCall.response, 200: withHeaders(ref(ClaimBody), ReplayedHeader) },
};

/** What a call holds once its schema has accepted it. */
type Call = {
  params: { name: string; user_id: string };
  body: { claim_id?: string; reason?: string; final?: boolean };
  key?: string | undefined;
};

/** `POST /api/coupons/{name}/claims/{user_id}/{confirm|release|redeem}`: changes one user's claim. */
export const changeClaimRoute: Route = (app, { changeClaim, access }) => {
  const answer = async (
    change: ClaimChange,
    request: FastifyRequest,
    reply: FastifyReply,
    { params, body, key }: Call,
  ) => {
    const outcome = await changeClaim({
      change,
      couponName: params.name,
      userId: params.user_id,
      claimId: body.claim_id?.toLowerCase(),
      idempotencyKey: key,
      reason: body.reason,
      isFinal: body.final === true,
      mayReleaseConfirmed: access.mayAdminister(request),
      by: { actor: access.actorOf(request), requestId: request.id },
    });
    return sendOutcome(reply, outcome);
  };

  app.post(
    '/api/coupons/:name/claims/:user_id/confirm',
    { config: { access: 'confirm-claim' }, schema: confirmSchema },
    (request, reply) => answer('confirm', request, reply, request),
  );
  app.post(
    '/api/coupons/:name/claims/:user_id/release',
    { config: { access: 'release-claim' }, schema: releaseSchema },
    (request, reply) => answer('release', request, reply, request),
  );
  app.post(
    '/api/coupons/:name/claims/:user_id/redeem',
    { config: { access: 'redeem-claim' }, schema: redeemSchema },
    (request, reply) =>
      answer('redeem', request, reply, {
        params: request.params,
        body: request.body,
        key: request.headers['idempotency-key'],
      }),
  );
};

function sendOutcome(reply: FastifyReply, outcome: ChangeClaimOutcome) {
  switch (outcome.outcome) {
    case 'replayed':
      reply.header('Idempotency-Replayed', 'true');
      return toClaimBody(outcome.claim);
    case 'changed':
    case 'unchanged':
      return toClaimBody(outcome.claim);
    case 'already_redeemed':
    case 'claim_released':
    case 'hold_expired':
    case 'not_confirmed':
      return sendProblem(reply, {
        code: outcome.outcome,
        detail: details[outcome.outcome],
        members: { claim: toClaimBody(outcome.claim) },
      });
    case 'undo_requested':
      reply.code(202);
      return toClaimBody(outcome.claim);
    case 'saga_running':
      return sendProblem(reply, {
        code: outcome.outcome,
        detail: details[outcome.outcome],
        members: { saga_id: outcome.claim.sagaId },
      });
    case 'saga_moved':
      throw new Error('only a saga itself makes a change under an epoch');
    case 'claim_mismatch':
      return sendProblem(reply, {
        code: outcome.outcome,
        detail: details[outcome.outcome],
        members: {
          claim: outcome.claim && toClaimBody(outcome.claim),
          last_claim: outcome.lastClaim && toClaimBody(outcome.lastClaim),
        },
      });
    default:
      return sendProblem(reply, { code: outcome.outcome, detail: details[outcome.outcome] });
  }
}

const details: Record<
  Exclude<
    ChangeClaimOutcome['outcome'],
    'changed' | 'unchanged' | 'replayed' | 'undo_requested' | 'saga_moved'
  >,
  string
> = {
  coupon_not_found: 'there is no coupon of this name',
  claim_not_found: 'this user has never claimed this coupon',
  claim_mismatch: 'send the claim_id of the claim that you mean',
  saga_running: 'the saga of the claim confirms or releases it',
  already_redeemed: 'the claim is redeemed, and cannot change any more',
  forbidden: 'only the admin key may release a confirmed claim, or make a release final',
  claim_released: 'the claim was released; a new claim needs a new Idempotency-Key',
  hold_expired: 'the hold has expired; a new claim needs a new Idempotency-Key',
  not_confirmed: 'the claim is reserved; confirm it first',
};
