// SPDX-License-Identifier: GPL-3.0-or-later

import type { Route } from '../route.ts';
import { CouponParams } from '../schemas/fields.ts';
import { CouponBody, problemResponses, ref } from '../schemas/responses.ts';
import { toCouponBody } from '../schemas/views.ts';
import { jsonType, sendHead } from '../send-head.ts';

/** `GET /api/coupons/{name}`: the coupon at a moment after the request arrived. */
export const readCouponRoute: Route = (app, { readCoupons, access }) => {
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
          'released.',
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
      return toCouponBody(await readCoupons.read(name), access.mayView(request));
    },
  );
};
