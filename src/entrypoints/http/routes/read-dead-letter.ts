// SPDX-License-Identifier: GPL-3.0-or-later
import type { Route } from '../route.ts';
import { DeadLetterBody, DeadLetterParams, toDeadLetterBody } from '../schemas/dead-letters.ts';
import { NoQuery } from '../schemas/fields.ts';
import { ref } from '../schemas/ref.ts';
import { problemResponses } from '../schemas/responses.ts';
import { jsonType, sendHead } from '../send-head.ts';

/** `GET /api/dead-letters/{id}`: a dead letter with its whole message. Only with a queue. */
export const readDeadLetterRoute: Route = (app, { deadLetters }) => {
  if (deadLetters === undefined) return;
  app.get(
    '/api/dead-letters/:id',
    {
      config: { access: 'view' },
      schema: {
        operationId: 'readDeadLetter',
        tags: ['dead letters'],
        summary: 'Read a dead letter',
        params: DeadLetterParams,
        querystring: NoQuery,
        response: { 200: ref(DeadLetterBody), ...problemResponses(400, 401, 403, 404, 503) },
      },
    },
    async (request, reply) => {
      const letter = await deadLetters.show(request.params.id);
      if (request.method === 'HEAD') return sendHead(reply, jsonType);
      return toDeadLetterBody(letter);
    },
  );
};
