// SPDX-License-Identifier: GPL-3.0-or-later
import type { Route } from '../route.ts';
import { ClaimParams } from '../schemas/fields.ts';
import { ref } from '../schemas/ref.ts';
import { ClaimBody, problemResponses } from '../schemas/responses.ts';
import { toClaimBody } from '../schemas/views.ts';

/** `GET /api/coupons/{name}/claims/{user_id}`: the claim of one user. */
export const findClaimRoute: Route = (app, { readClaims }) => {
  app.get(
    '/api/coupons/:name/claims/:user_id',
    {
      config: { access: 'claim-or-view' },
      schema: {
        operationId: 'findClaim',
        tags: ['claims'],
        summary: "Read one user's live claim",
        description:
          'Past its `expires_at` a claim is `reserved` until it is released. The 404 of a user whose claims were all ' +
          'released has the last one as `last_claim`.',
        params: ClaimParams,
        response: { 200: ref(ClaimBody), ...problemResponses(400, 401, 403, 404, 503) },
      },
    },
    async (request) =>
      toClaimBody(await readClaims.find(request.params.name, request.params.user_id)),
  );
};
