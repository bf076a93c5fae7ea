// SPDX-License-Identifier: GPL-3.0-or-later
import type { Route } from '../route.ts';
import { DeadLetterPageBody, toDeadLetterBody } from '../schemas/dead-letters.ts';
import { PageQuery } from '../schemas/fields.ts';
import { LinkHeader, withHeaders } from '../schemas/headers.ts';
import { linkNextPage, pageLimitDefault, positionOf } from '../schemas/pages.ts';
import { ref } from '../schemas/ref.ts';
import { problemResponses } from '../schemas/responses.ts';
import { jsonType, sendHead } from '../send-head.ts';

/** `GET /api/dead-letters`: the queued claims that could not be decided, the oldest first, in pages. Only with a queue. */
export const listDeadLettersRoute: Route = (app, { deadLetters }) => {
  if (deadLetters === undefined) return;
  app.get(
    '/api/dead-letters',
    {
      config: { access: 'view' },
      schema: {
        operationId: 'listDeadLetters',
        tags: ['dead letters'],
        summary: 'List dead letters, the oldest first',
        description:
          'Letters stay where they are. A page begins at a place in the queue: where letters before it are redriven or discarded ' +
          'meanwhile, it skips others. Pages reach the first 10,000 letters. Unknown query parameters are refused.',
        querystring: PageQuery,
        response: {
          200: withHeaders(ref(DeadLetterPageBody), LinkHeader),
          ...problemResponses(400, 401, 403, 503),
        },
      },
    },
    async (request, reply) => {
      const { limit = pageLimitDefault, cursor } = request.query;
      const after = positionOf(cursor);
      if (request.method === 'HEAD') return sendHead(reply, jsonType);
      const { letters, total, next } = await deadLetters.list({ after, limit });
      const nextCursor = next === undefined ? null : String(next);
      if (nextCursor !== null) {
        linkNextPage(reply, { path: '/api/dead-letters', limit, cursor: nextCursor });
      }
      return { dead_letters: letters.map(toDeadLetterBody), total, next_cursor: nextCursor };
    },
  );
};
