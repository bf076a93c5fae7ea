// SPDX-License-Identifier: GPL-3.0-or-later
import { Type } from 'typebox';
import type { Route } from '../route.ts';
import { PageQuery } from '../schemas/fields.ts';
import { linkNextPage, pageLimitDefault } from '../schemas/pages.ts';
import { CouponSummaryBody, problemResponses, ref } from '../schemas/responses.ts';
import { toCouponSummary } from '../schemas/views.ts';
import { jsonType, sendHead } from '../send-head.ts';

/** `GET /api/coupons`: all coupons in order of creation, in pages. */
export const listCouponsRoute: Route = (app, { readCoupons }) => {
  app.get(
    '/api/coupons',
    {
      config: { access: 'view' },
      schema: {
        operationId: 'listCoupons',
        tags: ['coupons'],
        summary: 'List coupons',
        description: 'Unknown query parameters are refused.',
        querystring: PageQuery,
        response: {
          200: Type.Object({
            coupons: Type.Array(ref(CouponSummaryBody)),
            next_cursor: Type.Unsafe<string | null>({ type: ['string', 'null'] }),
          }),
          ...problemResponses(400, 401, 403, 503),
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
