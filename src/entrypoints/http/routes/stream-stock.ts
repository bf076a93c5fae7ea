// SPDX-License-Identifier: GPL-3.0-or-later
import { Type } from 'typebox';
import type { Route } from '../route.ts';
import { CouponParams } from '../schemas/fields.ts';
import { problemResponses } from '../schemas/responses.ts';
import { sendHead } from '../send-head.ts';
import { eventStreamType } from '../streams/stock-event.ts';

/** `GET /api/coupons/{name}/events`: the stock of a coupon, now and after each change, as server-sent events. */
export const streamStockRoute: Route = (app, { readCoupons, stockStreams, startStream }) => {
  if (stockStreams === undefined) return;
  app.get(
    '/api/coupons/:name/events',
    {
      config: { access: 'public' },
      schema: {
        operationId: 'streamStock',
        tags: ['coupons'],
        summary: 'Follow the stock of a coupon',
        description:
          'Server-sent events `stock`, each with the JSON `{"remaining_amount","claimed","state","at"}` of one snapshot, whose ' +
          'time by the database is `at`. The first comes at once, then one after each change: at most ten a second, fewer where ' +
          'many streams are open, and always the newest in the end. `id` grows with `at`. With `Last-Event-ID` the first event ' +
          'is not older than the one of that id. Comments come every 15 seconds.',
        params: CouponParams,
        headers: Type.Object({
          'last-event-id': Type.Optional(
            Type.String({ description: 'The last `id` that the client has received.' }),
          ),
        }),
        response: {
          200: { description: 'Events', content: { [eventStreamType]: { schema: Type.String() } } },
          ...problemResponses(400, 404, 503),
        },
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      reply.header('X-Accel-Buffering', 'no');
      if (request.method === 'HEAD') {
        await readCoupons.assertExists(name);
        return sendHead(reply, eventStreamType);
      }
      await stockStreams.open({
        couponName: name,
        lastEventId: request.headers['last-event-id'],
        startResponse: () => startStream(request, reply),
      });
      return reply;
    },
  );
};
