// SPDX-License-Identifier: GPL-3.0-or-later
import { Type } from 'typebox';
import type { Route } from '../route.ts';
import { NewCouponName, NoQuery, onlyObject, Units, WindowTime } from '../schemas/fields.ts';
import { CouponBody, problemResponses, ref } from '../schemas/responses.ts';
import { couponPath, toCouponBody } from '../schemas/views.ts';
import { assertWindowOrder, toWindowTime } from '../schemas/window-time.ts';

/** `POST /api/coupons`: creates a coupon. */
export const createCouponRoute: Route = (app, { createCoupon, access, log }) => {
  app.post(
    '/api/coupons',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'createCoupon',
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
      const coupon = await createCoupon(
        { name, amount, opensAt, closesAt },
        {
          actor: access.actorOf(request),
          requestId: request.id,
        },
      );
      log.info(
        { requestId: request.id, coupon: name, amount, opensAt, closesAt },
        'coupon created',
      );
      reply.code(201).header('Location', couponPath(name));
      return { message: 'coupon created', ...toCouponBody(coupon, true) };
    },
  );
};
