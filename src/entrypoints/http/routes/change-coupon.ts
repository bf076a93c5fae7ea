// SPDX-License-Identifier: GPL-3.0-or-later
import { Type } from 'typebox';
import type { Route } from '../route.ts';
import {
  CouponParams,
  Description,
  NoQuery,
  onlyObject,
  PauseReason,
  Title,
  WindowTime,
} from '../schemas/fields.ts';
import { ref } from '../schemas/ref.ts';
import { CouponBody, problemResponses } from '../schemas/responses.ts';
import { toCouponBody } from '../schemas/views.ts';
import { assertWindowOrder, toWindowTime } from '../schemas/window-time.ts';

/** `PATCH /api/coupons/{name}`: changes the sale window or the texts, pauses the sale, archives the coupon, or the reverse. */
export const changeCouponRoute: Route = (app, { changeCoupon, access, log }) => {
  app.patch(
    '/api/coupons/:name',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'changeCoupon',
        tags: ['coupons'],
        summary: 'Change the sale window or the texts, pause, resume or archive',
        description:
          'Members that are left out stay unchanged; null removes a limit of the window or a text. An empty change is refused. ' +
          'An archived coupon is closed and left out of lists; its claims stay. A change of its window or pause counts ' +
          'once it is no longer archived.',
        params: CouponParams,
        querystring: NoQuery,
        body: onlyObject(
          {
            opens_at: Type.Optional(WindowTime),
            closes_at: Type.Optional(WindowTime),
            paused: Type.Optional(Type.Boolean()),
            archived: Type.Optional(Type.Boolean()),
            title: Type.Optional(Title),
            description: Type.Optional(Description),
            pause_reason: Type.Optional(PauseReason),
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
        archived: request.body.archived,
        title: request.body.title,
        description: request.body.description,
        pauseReason: request.body.pause_reason,
      };
      assertWindowOrder(change.opensAt, change.closesAt);
      const coupon = await changeCoupon(name, change, {
        actor: access.actorOf(request),
        requestId: request.id,
      });
      log.info({ requestId: request.id, coupon: name, ...change }, 'coupon changed');
      return toCouponBody(coupon, true);
    },
  );
};
