// SPDX-License-Identifier: GPL-3.0-or-later
import { Type } from 'typebox';
import type { CouponQuery } from '../../../core/coupons/ports.ts';
import { textRule } from '../../../core/input-rules.ts';
import { acceptedAgeMs } from '../requests/cache-control.ts';
import type { Route } from '../route.ts';
import { AgeHeader, setAge } from '../schemas/age.ts';
import { CouponState, enumOf } from '../schemas/enums.ts';
import { onlyObject, pageParameters } from '../schemas/fields.ts';
import { LinkHeader, withHeaders } from '../schemas/headers.ts';
import { linkNextPage, pageLimitDefault } from '../schemas/pages.ts';
import { ref } from '../schemas/ref.ts';
import { CouponPageBody, problemResponses } from '../schemas/responses.ts';
import { toCouponSummary } from '../schemas/views.ts';
import { jsonType, sendHead } from '../send-head.ts';

/**
 * `GET /api/coupons`: the coupons in order of creation or the newest first, in pages; from the stock cache, if there is one,
 * where the request or the setting accepts a page that is a little old.
 */
export const listCouponsRoute: Route = (app, { readCoupons, stockCache }) => {
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
          'are refused. With `Cache-Control: max-age=N` the page may be up to N seconds old, at most 60, if the service has a ' +
          'stock cache (`REDIS_URL`); without that header up to `STOCK_CACHE_MAX_AGE_MS`. `no-cache` and `max-age=0` always ' +
          'get a fresh page. All of a page is one snapshot.',
        querystring: onlyObject({
          ...pageParameters,
          state: Type.Optional(ref(CouponState)),
          name_prefix: Type.Optional(
            Type.String({ ...textRule, description: 'The first characters of the name.' }),
          ),
          order: Type.Optional(
            enumOf(['newest'], { description: 'The newest first; by default the oldest.' }),
          ),
          archived: Type.Optional(Type.Boolean()),
        }),
        response: {
          200: withHeaders(ref(CouponPageBody), AgeHeader, LinkHeader),
          ...problemResponses(400, 401, 403, 503),
        },
      },
    },
    async (request, reply) => {
      const { limit = pageLimitDefault, cursor, ...filters } = request.query;
      if (request.method === 'HEAD') return sendHead(reply, jsonType);
      const query: CouponQuery = {
        ...{ cursor, limit },
        state: filters.state,
        namePrefix: filters.name_prefix,
        order: filters.order ?? 'oldest',
        archived: filters.archived ?? false,
      };
      const read = async () => {
        const maxAgeMs = acceptedAgeMs(request.headers['cache-control'], stockCache);
        if (stockCache === undefined || maxAgeMs === 0) return readCoupons.list(query);
        const { page, ageMs } = await stockCache.pages.list(query, maxAgeMs);
        setAge(reply, ageMs);
        return page;
      };
      const { coupons, next } = await read();
      if (next !== null) {
        linkNextPage(reply, { path: '/api/coupons', limit, cursor: next, filters });
      }
      return { coupons: coupons.map(toCouponSummary), next_cursor: next };
    },
  );
};
