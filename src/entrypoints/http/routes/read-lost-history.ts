// SPDX-License-Identifier: GPL-3.0-or-later
import type { Route } from '../route.ts';
import { NoQuery } from '../schemas/fields.ts';
import { LostHistoryBody, listedBatchesMax, toLostHistoryBody } from '../schemas/lost-history.ts';
import { ref } from '../schemas/ref.ts';
import { problemResponses } from '../schemas/responses.ts';
import { jsonType, sendHead } from '../send-head.ts';

/** `GET /api/lost-history`: acknowledged batches that the database lacks. It works while all other calls are refused. */
export const readLostHistoryRoute: Route = (app, { lostHistory }) => {
  app.get(
    '/api/lost-history',
    {
      config: { access: 'view' },
      schema: {
        operationId: 'readLostHistory',
        tags: ['operators'],
        summary: 'List acknowledged batches that the database lacks',
        description:
          'While there are any, every call about coupons, claims and tickets is `unavailable`. The processes know the last 100 ' +
          'batches that each of them has acknowledged; all that was committed after the first one listed may be lost, too.',
        querystring: NoQuery,
        response: { 200: ref(LostHistoryBody), ...problemResponses(400, 401, 403, 503) },
      },
    },
    async (request, reply) => {
      if (request.method === 'HEAD') return sendHead(reply, jsonType);
      return toLostHistoryBody(await lostHistory.read(listedBatchesMax));
    },
  );
};
