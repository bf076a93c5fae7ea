// SPDX-License-Identifier: GPL-3.0-or-later
import { Type } from 'typebox';
import type { Route } from '../parts.ts';
import {
  CouponBody,
  CouponParams,
  keyWhereSet,
  NoQuery,
  onlyObject,
  problemResponses,
  ref,
  WindowTime,
} from '../schemas.ts';
import { toCouponBody } from '../views.ts';
import { assertWindowOrder, toWindowTime } from '../window-time.ts';

/** `PATCH /api/coupons/{name}`: changes the sale window or the pause. */
export const changeCouponRoute: Route = (app, { changeCoupon, access, log }) => {
  app.patch(
    '/api/coupons/:name',
    {
      onRequest: access.admin,
      schema: {
        operationId: 'changeCoupon',
        security: keyWhereSet,
        tags: ['coupons'],
        summary: 'Change the sale window, pause or resume',
        description:
          'What is left out stays as it is; null removes a limit of the window. An empty change is refused.',
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
      const coupon = await changeCoupon(name, change);
      log.info({ requestId: request.id, coupon: name, ...change }, 'coupon changed');
      return toCouponBody(coupon, true);
    },
  );
};
