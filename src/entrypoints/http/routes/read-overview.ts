// SPDX-License-Identifier: GPL-3.0-or-later
import type { Route } from '../route.ts';
import { CouponParams, NoQuery } from '../schemas/fields.ts';
import { OverviewBody, toOverview } from '../schemas/overview.ts';
import { ref } from '../schemas/ref.ts';
import { problemResponses } from '../schemas/responses.ts';
import { jsonType, sendHead } from '../send-head.ts';

/** `GET /api/coupons/{name}/overview`: a sale at a glance. */
export const readOverviewRoute: Route = (app, { readCoupons, watch }) => {
  if (watch === undefined) return;
  app.get(
    '/api/coupons/:name/overview',
    {
      config: { access: 'view' },
      schema: {
        operationId: 'readOverview',
        tags: ['coupons'],
        summary: 'Read a sale at a glance',
        description:
          'Stock, claims by state, and how claims are answered. The parts are of different moments, and each says its own. ' +
          'Callers share reads, so a page may ask each second.',
        params: CouponParams,
        querystring: NoQuery,
        response: { 200: ref(OverviewBody), ...problemResponses(400, 401, 403, 404, 503) },
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      if (request.method === 'HEAD') {
        await readCoupons.assertExists(name);
        return sendHead(reply, jsonType);
      }
      return toOverview(await watch.readOverview(name));
    },
  );
};
