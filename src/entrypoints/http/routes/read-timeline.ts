// SPDX-License-Identifier: GPL-3.0-or-later
import { Type } from 'typebox';
import type { Route } from '../route.ts';
import { ClaimId, CouponName, onlyObject } from '../schemas/fields.ts';
import { ref } from '../schemas/ref.ts';
import { problemResponses } from '../schemas/responses.ts';
import { TimelineBody, toTimeline } from '../schemas/timeline.ts';
import { jsonType, sendHead } from '../send-head.ts';

/** `GET /api/claims/{claim_id}/timeline`: what happened to a claim, and because of it. */
export const readTimelineRoute: Route = (app, { readCoupons, watch }) => {
  if (watch === undefined) return;
  app.get(
    '/api/claims/:claim_id/timeline',
    {
      config: { access: 'view' },
      schema: {
        operationId: 'readTimeline',
        tags: ['claims'],
        summary: 'Read what happened to a claim',
        description:
          'Its changes, what operators did to it, the deliveries of its events and the steps of its saga, in order of time. ' +
          'Also of a claim that has ended. Deliveries are kept for 30 days. Unknown query parameters are refused.',
        params: Type.Object({ claim_id: ClaimId }),
        querystring: onlyObject({ coupon_name: CouponName }),
        response: {
          200: ref(TimelineBody),
          ...problemResponses(400, 401, 403, 404, 503),
        },
      },
    },
    async (request, reply) => {
      const { coupon_name: couponName } = request.query;
      if (request.method === 'HEAD') {
        await readCoupons.assertExists(couponName);
        return sendHead(reply, jsonType);
      }
      const { claim_id: claimId } = request.params;
      return toTimeline(await watch.readTimeline({ couponName, claimId }));
    },
  );
};
