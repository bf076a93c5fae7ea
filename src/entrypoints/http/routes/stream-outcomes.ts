// SPDX-License-Identifier: GPL-3.0-or-later
import type { Route } from '../route.ts';
import { CouponParams, NoQuery } from '../schemas/fields.ts';
import { problemResponses } from '../schemas/responses.ts';
import { sendHead } from '../send-head.ts';
import { eventStreamType } from '../streams/stock-event.ts';

/** `GET /api/coupons/{name}/outcomes`: how the claims of a coupon are answered, each second, as server-sent events. */
export const streamOutcomesRoute: Route = (app, dependencies) => {
  const { access, outcomeStreams, readCoupons, startStream } = dependencies;
  if (outcomeStreams === undefined) return;
  app.get(
    '/api/coupons/:name/outcomes',
    {
      config: { access: 'view' },
      schema: {
        operationId: 'streamOutcomes',
        tags: ['coupons'],
        summary: 'Follow how the claims of a coupon are answered',
        description:
          'Server-sent events `outcomes`, one for each second, also where no claim came, with the counts of all processes as ' +
          'JSON: an `OutcomeSecond`. `id` is the second since 1970. An event comes one to two seconds after its second has ended. ' +
          'It comes again, with the same `id`, when counts of that second arrive late: the last one counts. A client that reads slowly misses some; the history has them. While the database is away no event comes. ' +
          'The stream ends within a minute after its key or session has ended. Comments come every 15 seconds.',
        params: CouponParams,
        querystring: NoQuery,
        response: {
          200: { description: 'Events', content: { [eventStreamType]: { schema: {} } } },
          ...problemResponses(400, 401, 403, 404, 503),
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
      await outcomeStreams.open({
        couponName: name,
        isAllowed: () => access.isStillAllowed('view', request),
        startResponse: () => startStream(request, reply),
      });
      return reply;
    },
  );
};
