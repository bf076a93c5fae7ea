// SPDX-License-Identifier: GPL-3.0-or-later
import { Type } from 'typebox';
import type { Route } from '../route.ts';
import { CouponParams, NoQuery, onlyObject, WindowTime } from '../schemas/fields.ts';
import { CouponBody, problemResponses, ref } from '../schemas/responses.ts';
import { toCouponBody } from '../schemas/views.ts';
import { assertWindowOrder, toWindowTime } from '../schemas/window-time.ts';

/** `PATCH /api/coupons/{name}`: changes the sale window, pauses or resumes the sale. */
export const changeCouponRoute: Route = (app, { manageCoupon, log }) => {
  app.patch(
    '/api/coupons/:name',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'changeCoupon',
        tags: ['coupons'],
        summary: 'Change the sale window, pause or resume',
        description:
          'Members that are left out stay unchanged; null removes a limit of the window. An empty change is refused.',
        params: CouponParams,
        querystring: NoQuery,
        body: onlyObject(
          {
            opens_at: Type.Optional(WindowTime),
            closes_at: Type.Optional(WindowTime),
            paused: Type.Optional(Type.Boolean()),
          },
          { minProperties: 1 },
        ),
        response: { 200: ref(CouponBody), ...problemResponses(400, 401, 403, 404, 503) },
      },
    },
    async (request) => {
      const { name } = request.params;
      const change = {
        opensAt: toWindowTime('opens_at', request.body.opens_at),
        closesAt: toWindowTime('closes_at', request.body.closes_at),
        paused: request.body.paused,
      };
      assertWindowOrder(change.opensAt, change.closesAt);
      const coupon = await manageCoupon.change(name, change);
      log.info({ requestId: request.id, coupon: name, ...change }, 'coupon changed');
      return toCouponBody(coupon, true);
    },
  );
};
