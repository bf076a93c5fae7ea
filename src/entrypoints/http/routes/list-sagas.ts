// SPDX-License-Identifier: GPL-3.0-or-later
import type { Route } from '../route.ts';
import { cursorOf, onlyObject, pageParameters } from '../schemas/fields.ts';
import { LinkHeader, withHeaders } from '../schemas/headers.ts';
import { linkNextPage, pageLimitDefault } from '../schemas/pages.ts';
import { ref } from '../schemas/ref.ts';
import { problemResponses } from '../schemas/responses.ts';
import { SagaPageBody, StatesOfSagas, toSagaSummary } from '../schemas/sagas.ts';
import { jsonType, sendHead } from '../send-head.ts';

/** `GET /api/sagas`: the sagas in some states, the oldest first, in pages. */
export const listSagasRoute: Route = (app, { readSagas }) => {
  app.get(
    '/api/sagas',
    {
      config: { access: 'view' },
      schema: {
        operationId: 'listSagas',
        tags: ['sagas'],
        summary: 'List sagas, the oldest first',
        description:
          'A saga is listed from soon after its claim was made. Unknown query parameters are refused.',
        querystring: onlyObject({
          state: StatesOfSagas,
          limit: pageParameters.limit,
          // The start of the last saga in microseconds since 1970, and its id.
          cursor: cursorOf('^[0-9]{1,18}-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$'),
        }),
        response: {
          200: withHeaders(ref(SagaPageBody), LinkHeader),
          ...problemResponses(400, 401, 403, 503),
        },
      },
    },
    async (request, reply) => {
      const { state: states, limit = pageLimitDefault, cursor } = request.query;
      if (request.method === 'HEAD') return sendHead(reply, jsonType);
      const { sagas, next } = await readSagas.list({ states, cursor, limit });
      if (next !== null) {
        const filters = { state: states };
        linkNextPage(reply, { path: '/api/sagas', limit, cursor: next, filters });
      }
      return { sagas: sagas.map(toSagaSummary), next_cursor: next };
    },
  );
};
