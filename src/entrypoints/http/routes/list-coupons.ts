// SPDX-License-Identifier: GPL-3.0-or-later
import { Type } from 'typebox';
import type { Route } from '../route.ts';
import { linkNextPage, pageLimitDefault } from '../schemas/pages.ts';
import {
  CouponSummaryBody,
  keyWhereSet,
  PageQuery,
  problemResponses,
  ref,
} from '../schemas/schemas.ts';
import { toCouponSummary } from '../schemas/views.ts';
import { jsonType, sendHead } from '../send-head.ts';

/** `GET /api/coupons`: all coupons, a page at a time, in order of creation. */
export const listCouponsRoute: Route = (app, { readCoupons, access }) => {
  app.get(
    '/api/coupons',
    {
      onRequest: access.admin,
      schema: {
        operationId: 'listCoupons',
        security: keyWhereSet,
        tags: ['coupons'],
        summary: 'List coupons',
        description: 'Unknown query parameters are refused.',
        querystring: PageQuery,
        response: {
          200: Type.Object({
            coupons: Type.Array(ref(CouponSummaryBody)),
            next_cursor: Type.Unsafe<string | null>({ type: ['string', 'null'] }),
          }),
          ...problemResponses(400, 401, 503),
        },
      },
    },
    async (request, reply) => {
      const { limit = pageLimitDefault, cursor = '0' } = request.query;
      if (request.method === 'HEAD') return sendHead(reply, jsonType);
      const page = await readCoupons.list({ afterId: cursor, limit });
      const next = page.more ? (page.coupons.at(-1)?.id ?? null) : null;
      if (next !== null) linkNextPage(reply, { path: '/api/coupons', limit, cursor: next });
      return { coupons: page.coupons.map(toCouponSummary), next_cursor: next };
    },
  );
};
