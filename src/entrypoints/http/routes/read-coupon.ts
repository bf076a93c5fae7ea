// SPDX-License-Identifier: GPL-3.0-or-later
import { acceptedAgeMs } from '../requests/cache-control.ts';
import type { Route } from '../route.ts';
import { AgeHeader, setAge } from '../schemas/age.ts';
import { cachedCouponJson } from '../schemas/cached-coupon.ts';
import { CouponParams } from '../schemas/fields.ts';
import { ref } from '../schemas/ref.ts';
import { CouponBody, problemResponses } from '../schemas/responses.ts';
import { toCouponBody } from '../schemas/views.ts';
import { jsonType, sendHead } from '../send-head.ts';

/**
 * `GET /api/coupons/{name}`: the coupon at a moment after the request arrived; from the stock cache, if there is one, where
 * the request or the setting accepts one that is a little old.
 */
export const readCouponRoute: Route = (app, { readCoupons, stockCache, access }) => {
  app.get(
    '/api/coupons/:name',
    {
      config: { access: 'public' },
      schema: {
        operationId: 'readCoupon',
        tags: ['coupons'],
        summary: 'Read a coupon',
        description:
          'All members come from one snapshot: `amount` minus `remaining_amount` is the number of claims that are not ' +
          'released. The snapshot is from after the arrival of the request. With `Cache-Control: max-age=N` it may be up ' +
          'to N seconds old, at most 60, if the service has a stock cache (`REDIS_URL`); without that header up to ' +
          '`STOCK_CACHE_MAX_AGE_MS`. `no-cache` and `max-age=0` always get a fresh read. A response from the stock cache ' +
          'has an `Age`, and `claimed_by_hidden` in place of `claimed_by` for every caller.',
        params: CouponParams,
        response: {
          200: {
            description: 'The coupon.',
            headers: AgeHeader,
            content: { 'application/json': { schema: ref(CouponBody) } },
          },
          ...problemResponses(400, 404, 503),
        },
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      const maxAgeMs = acceptedAgeMs(request.headers['cache-control'], stockCache);
      if (stockCache !== undefined && maxAgeMs > 0) {
        const { view, ageMs } = await stockCache.views.read(name, maxAgeMs);
        setAge(reply, ageMs);
        if (request.method === 'HEAD') return sendHead(reply, jsonType);
        return reply.header('Content-Type', jsonType).send(cachedCouponJson(view));
      }
      if (request.method === 'HEAD') {
        await readCoupons.assertExists(name);
        return sendHead(reply, jsonType);
      }
      return toCouponBody(await readCoupons.read(name), access.mayView(request));
    },
  );
};
