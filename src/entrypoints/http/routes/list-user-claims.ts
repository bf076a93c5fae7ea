// SPDX-License-Identifier: GPL-3.0-or-later
import type { Route } from '../route.ts';
import {
  cursorOf,
  HolderId,
  onlyObject,
  pageParameters,
  StatesOfClaims,
} from '../schemas/fields.ts';
import { LinkHeader, withHeaders } from '../schemas/headers.ts';
import { linkNextPage, pageLimitDefault } from '../schemas/pages.ts';
import { ref } from '../schemas/ref.ts';
import { ClaimPageBody, problemResponses } from '../schemas/responses.ts';
import { toClaimBody } from '../schemas/views.ts';
import { jsonType, sendHead } from '../send-head.ts';

/** `GET /api/claims?user_id=`: the claims of one user over all coupons, in pages. */
export const listUserClaimsRoute: Route = (app, { readClaims }) => {
  app.get(
    '/api/claims',
    {
      config: { access: 'view' },
      schema: {
        operationId: 'listUserClaims',
        tags: ['claims'],
        summary: 'List the claims of a user over all coupons, in order of their creation',
        description:
          'The claims of one coupon are in order of position. Archived coupons count too. A page looks at a limited number of coupons, so it may be short or empty and still ' +
          'have a `next_cursor`. Unknown query parameters are refused.',
        querystring: onlyObject({
          user_id: HolderId,
          state: StatesOfClaims,
          limit: pageParameters.limit,
          // The id of a coupon, after which the page begins, or after its claim at a position.
          cursor: cursorOf('^[0-9]{1,18}(?:-[0-9]{1,10})?$'),
        }),
        response: {
          200: withHeaders(ref(ClaimPageBody), LinkHeader),
          ...problemResponses(400, 401, 403, 503),
        },
      },
    },
    async (request, reply) => {
      const { user_id: userId, state: states, limit = pageLimitDefault, cursor } = request.query;
      if (request.method === 'HEAD') return sendHead(reply, jsonType);
      const { claims, next } = await readClaims.listOfUser({ userId, states, cursor, limit });
      if (next !== null) {
        const filters = { user_id: userId, state: states };
        linkNextPage(reply, { path: '/api/claims', limit, cursor: next, filters });
      }
      return { claims: claims.map(toClaimBody), next_cursor: next };
    },
  );
};
