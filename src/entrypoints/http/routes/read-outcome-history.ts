// SPDX-License-Identifier: GPL-3.0-or-later
import { Type } from 'typebox';
import { historyMinutesMax } from '../../../core/outcomes/read-outcomes.ts';
import type { Route } from '../route.ts';
import { CouponParams, onlyObject } from '../schemas/fields.ts';
import { OutcomeHistoryBody, toOutcomeHistory } from '../schemas/outcomes.ts';
import { ref } from '../schemas/ref.ts';
import { problemResponses } from '../schemas/responses.ts';
import { jsonType, sendHead } from '../send-head.ts';

/** `GET /api/coupons/{name}/outcomes/history`: how the claims of a coupon were answered in the last minutes, each second. */
export const readOutcomeHistoryRoute: Route = (app, { readCoupons, watch }) => {
  if (watch === undefined) return;
  app.get(
    '/api/coupons/:name/outcomes/history',
    {
      config: { access: 'view' },
      schema: {
        operationId: 'readOutcomeHistory',
        tags: ['coupons'],
        summary: 'Read how the claims of a coupon were answered in the last minutes',
        description:
          'Counts of all processes for each second. They are kept in memory of the database server: after a crash, or a change ' +
          'to another server, the time before is `unknown`. So are seconds in which a process could not store its counts. The ' +
          'last second of a process that is killed is lost. Unknown query parameters are refused.',
        params: CouponParams,
        querystring: onlyObject({
          minutes: Type.Optional(
            Type.Integer({
              minimum: 1,
              maximum: historyMinutesMax,
              default: historyMinutesMax,
              description: 'How far back.',
            }),
          ),
        }),
        response: { 200: ref(OutcomeHistoryBody), ...problemResponses(400, 401, 403, 404, 503) },
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      if (request.method === 'HEAD') {
        await readCoupons.assertExists(name);
        return sendHead(reply, jsonType);
      }
      const { minutes = historyMinutesMax } = request.query;
      return toOutcomeHistory(name, await watch.readOutcomes.history(name, minutes));
    },
  );
};
