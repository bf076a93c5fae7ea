// SPDX-License-Identifier: GPL-3.0-or-later
import { Type } from 'typebox';
import { couponStates } from '../../../core/coupons/coupon.ts';
import { textRule } from '../../../core/input-rules.ts';
import type { Route } from '../route.ts';
import { NextCursor, onlyObject, pageParameters } from '../schemas/fields.ts';
import { linkNextPage, pageLimitDefault } from '../schemas/pages.ts';
import { CouponSummaryBody, problemResponses, ref } from '../schemas/responses.ts';
import { toCouponSummary } from '../schemas/views.ts';
import { jsonType, sendHead } from '../send-head.ts';

/** `GET /api/coupons`: the coupons in order of creation or the newest first, in pages. */
export const listCouponsRoute: Route = (app, { readCoupons }) => {
  app.get(
    '/api/coupons',
    {
      config: { access: 'view' },
      schema: {
        operationId: 'listCoupons',
        tags: ['coupons'],
        summary: 'List coupons',
        description:
          'Archived coupons are left out, unless `archived=true` asks for them alone. A page looks at a limited number of ' +
          'coupons, so with filters it may be short or empty and still have a `next_cursor`. Unknown query parameters ' +
          'are refused.',
        querystring: onlyObject({
          ...pageParameters,
          state: Type.Optional(Type.Enum([...couponStates])),
          name_prefix: Type.Optional(
            Type.String({ ...textRule, description: 'The first characters of the name.' }),
          ),
          order: Type.Optional(
            Type.Enum(['newest'], { description: 'The newest first; by default the oldest.' }),
          ),
          archived: Type.Optional(Type.Boolean()),
        }),
        response: {
          200: Type.Object({
            coupons: Type.Array(ref(CouponSummaryBody)),
            next_cursor: NextCursor,
          }),
          ...problemResponses(400, 401, 403, 503),
        },
      },
    },
    async (request, reply) => {
      const { limit = pageLimitDefault, cursor, ...filters } = request.query;
      if (request.method === 'HEAD') return sendHead(reply, jsonType);
      const { coupons, next } = await readCoupons.list({
        ...{ cursor, limit },
        state: filters.state,
        namePrefix: filters.name_prefix,
        order: filters.order ?? 'oldest',
        archived: filters.archived ?? false,
      });
      if (next !== null) {
        linkNextPage(reply, { path: '/api/coupons', limit, cursor: next, filters });
      }
      return { coupons: coupons.map(toCouponSummary), next_cursor: next };
    },
  );
};
