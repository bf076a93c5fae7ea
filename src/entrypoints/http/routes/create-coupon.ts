// SPDX-License-Identifier: GPL-3.0-or-later
import { Type } from 'typebox';
import type { Route } from '../route.ts';
import {
  ClaimsPerUserMax,
  Description,
  HoldSeconds,
  NewCouponName,
  NoQuery,
  onlyObject,
  PauseReason,
  SagaName,
  StockLowAt,
  Title,
  Units,
  WindowTime,
} from '../schemas/fields.ts';
import { LocationHeader, withHeaders } from '../schemas/headers.ts';
import { ref } from '../schemas/ref.ts';
import { CouponBody, problemResponses } from '../schemas/responses.ts';
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
        description:
          'A coupon with `hold_seconds` takes claims as `reserved`. After an upgrade from a release without holds it can be ' +
          'created once `firstcome migrate --finish` has run; before, the call is 503 `unavailable`.',
        querystring: NoQuery,
        body: onlyObject({
          name: NewCouponName,
          amount: Units,
          opens_at: Type.Optional(WindowTime),
          closes_at: Type.Optional(WindowTime),
          hold_seconds: Type.Optional(HoldSeconds),
          claims_per_user_max: Type.Optional(ClaimsPerUserMax),
          saga: Type.Optional(SagaName),
          stock_low_at: Type.Optional(StockLowAt),
          title: Type.Optional(Title),
          description: Type.Optional(Description),
          pause_reason: Type.Optional(PauseReason),
        }),
        response: {
          201: withHeaders(ref(CouponBody), LocationHeader),
          ...problemResponses(400, 401, 403, 409, 503),
        },
      },
    },
    async (request, reply) => {
      const { body } = request;
      const { name, amount } = body;
      const opensAt = toWindowTime('opens_at', body.opens_at) ?? null;
      const closesAt = toWindowTime('closes_at', body.closes_at) ?? null;
      assertWindowOrder(opensAt, closesAt);
      const fixed = {
        holdSeconds: body.hold_seconds,
        claimsPerUserMax: body.claims_per_user_max,
        saga: body.saga,
        stockLowAt: body.stock_low_at,
      };
      const texts = {
        title: body.title,
        description: body.description,
        pauseReason: body.pause_reason,
      };
      const coupon = await createCoupon(
        { name, amount, opensAt, closesAt, ...fixed, ...texts },
        {
          actor: access.actorOf(request),
          requestId: request.id,
        },
      );
      log.info(
        { requestId: request.id, coupon: name, amount, opensAt, closesAt, ...fixed },
        'coupon created',
      );
      reply.code(201).header('Location', couponPath(name));
      return { message: 'coupon created', ...toCouponBody(coupon, true) };
    },
  );
};
