// SPDX-License-Identifier: GPL-3.0-or-later
import type { Route } from '../parts.ts';
import {
  CouponBody,
  CouponParams,
  IdempotencyKeyHeader,
  keyWhereSet,
  NoQuery,
  onlyObject,
  problemResponses,
  ref,
  Units,
} from '../schemas.ts';
import { toCouponBody } from '../views.ts';

/** `POST /api/coupons/{name}/stock`: offers more units. */
export const addStockRoute: Route = (app, { addStock, access, log }) => {
  app.post(
    '/api/coupons/:name/stock',
    {
      onRequest: access.admin,
      schema: {
        operationId: 'addStock',
        security: keyWhereSet,
        tags: ['coupons'],
        summary: 'Add units to a coupon',
        description:
          'With an `Idempotency-Key` a repeat adds nothing, and the same key with another number of units is 422. Where ' +
          'all is sold out this takes about half a second: the units are added when no process can refuse from memory ' +
          'any more.',
        params: CouponParams,
        headers: IdempotencyKeyHeader,
        querystring: NoQuery,
        body: onlyObject({ add: Units }),
        response: { 200: ref(CouponBody), ...problemResponses(400, 401, 403, 404, 422, 503) },
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      const { coupon, replayed } = await addStock({
        name,
        units: request.body.add,
        idempotencyKey: request.headers['idempotency-key'],
      });
      if (replayed) reply.header('Idempotency-Replayed', 'true');
      else log.info({ requestId: request.id, coupon: name, add: request.body.add }, 'stock added');
      return toCouponBody(coupon, true);
    },
  );
};
