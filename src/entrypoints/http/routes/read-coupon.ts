// SPDX-License-Identifier: GPL-3.0-or-later

import type { Route } from '../route.ts';
import { CouponBody, CouponParams, problemResponses, ref } from '../schemas/schemas.ts';
import { toCouponBody } from '../schemas/views.ts';
import { jsonType, sendHead } from '../send-head.ts';

/** `GET /api/coupons/{name}`: a coupon as of a moment after the request arrived. */
export const readCouponRoute: Route = (app, { readCoupons, access }) => {
  app.get(
    '/api/coupons/:name',
    {
      schema: {
        operationId: 'readCoupon',
        tags: ['coupons'],
        summary: 'Read a coupon',
        description: 'One snapshot: amount minus remaining_amount is the number of claims.',
        params: CouponParams,
        response: { 200: ref(CouponBody), ...problemResponses(400, 404, 503) },
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      if (request.method === 'HEAD') {
        await readCoupons.assertExists(name);
        return sendHead(reply, jsonType);
      }
      return toCouponBody(await readCoupons.read(name), access.isAdmin(request));
    },
  );
};
