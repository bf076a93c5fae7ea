// SPDX-License-Identifier: GPL-3.0-or-later
import { Type } from 'typebox';
import type { Route } from '../parts.ts';
import {
  CouponBody,
  keyWhereSet,
  NewCouponName,
  NoQuery,
  onlyObject,
  problemResponses,
  ref,
  Units,
  WindowTime,
} from '../schemas.ts';
import { couponPath, toCouponBody } from '../views.ts';
import { assertWindowOrder, toWindowTime } from '../window-time.ts';

/** `POST /api/coupons`: offers a new coupon. */
export const createCouponRoute: Route = (app, { createCoupon, access, log }) => {
  app.post(
    '/api/coupons',
    {
      onRequest: access.admin,
      schema: {
        operationId: 'createCoupon',
        security: keyWhereSet,
        tags: ['coupons'],
        summary: 'Create a coupon',
        querystring: NoQuery,
        body: onlyObject({
          name: NewCouponName,
          amount: Units,
          opens_at: Type.Optional(WindowTime),
          closes_at: Type.Optional(WindowTime),
        }),
        response: { 201: ref(CouponBody), ...problemResponses(400, 401, 403, 409, 503) },
      },
    },
    async (request, reply) => {
      const { name, amount } = request.body;
      const opensAt = toWindowTime('opens_at', request.body.opens_at) ?? null;
      const closesAt = toWindowTime('closes_at', request.body.closes_at) ?? null;
      assertWindowOrder(opensAt, closesAt);
      const coupon = await createCoupon({ name, amount, opensAt, closesAt });
      log.info(
        { requestId: request.id, coupon: name, amount, opensAt, closesAt },
        'coupon created',
      );
      reply.code(201).header('Location', couponPath(name));
      return { message: 'coupon created', ...toCouponBody(coupon, true) };
    },
  );
};
