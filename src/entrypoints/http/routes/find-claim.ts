// SPDX-License-Identifier: GPL-3.0-or-later
import type { Route } from '../route.ts';
import { ClaimBody, ClaimParams, keyWhereSet, problemResponses, ref } from '../schemas/schemas.ts';
import { toClaimBody } from '../schemas/views.ts';

/** `GET /api/coupons/{name}/claims/{user_id}`: the claim that one user holds. */
export const findClaimRoute: Route = (app, { readClaims, access }) => {
  app.get(
    '/api/coupons/:name/claims/:user_id',
    {
      onRequest: access.claim,
      schema: {
        operationId: 'findClaim',
        security: keyWhereSet,
        tags: ['claims'],
        summary: "Read one user's claim",
        params: ClaimParams,
        response: { 200: ref(ClaimBody), ...problemResponses(400, 401, 404, 503) },
      },
    },
    async (request) =>
      toClaimBody(await readClaims.find(request.params.name, request.params.user_id)),
  );
};
