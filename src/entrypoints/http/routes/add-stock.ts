// SPDX-License-Identifier: GPL-3.0-or-later
import type { Route } from '../route.ts';
import {
  CouponParams,
  IdempotencyKeyHeader,
  NoQuery,
  onlyObject,
  Units,
} from '../schemas/fields.ts';
import { ReplayedHeader, withHeaders } from '../schemas/headers.ts';
import { ref } from '../schemas/ref.ts';
import { CouponBody, problemResponses } from '../schemas/responses.ts';
import { toCouponBody } from '../schemas/views.ts';

/** `POST /api/coupons/{name}/stock`: adds units to a coupon. */
export const addStockRoute: Route = (app, { addStock, access, log }) => {
  app.post(
    '/api/coupons/:name/stock',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'addStock',
        tags: ['coupons'],
        summary: 'Add units to a coupon',
        description:
          'With an `Idempotency-Key` a repeat adds nothing, and the same key with another number of units is 422. If the ' +
          'coupon is sold out, the call takes about half a second: the units are added once no process refuses claims ' +
          'from its sold-out cache.',
        params: CouponParams,
        headers: IdempotencyKeyHeader,
        querystring: NoQuery,
        body: onlyObject({ add: Units }),
        response: {
          200: withHeaders(ref(CouponBody), ReplayedHeader),
          ...problemResponses(400, 401, 403, 404, 422, 503),
        },
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      const { coupon, replayed } = await addStock(
        {
          name,
          units: request.body.add,
          idempotencyKey: request.headers['idempotency-key'],
        },
        {
          actor: access.actorOf(request),
          requestId: request.id,
        },
      );
      if (replayed) reply.header('Idempotency-Replayed', 'true');
      else log.info({ requestId: request.id, coupon: name, add: request.body.add }, 'stock added');
      return toCouponBody(coupon, true);
    },
  );
};
