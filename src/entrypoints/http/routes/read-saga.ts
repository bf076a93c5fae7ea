// SPDX-License-Identifier: GPL-3.0-or-later
import type { Route } from '../route.ts';
import { NoQuery } from '../schemas/fields.ts';
import { ref } from '../schemas/ref.ts';
import { problemResponses } from '../schemas/responses.ts';
import { SagaBody, SagaParams, toSagaBody } from '../schemas/sagas.ts';
import { jsonType, sendHead } from '../send-head.ts';

/** `GET /api/sagas/{id}`: a saga with what became of each of its steps. */
export const readSagaRoute: Route = (app, { readSagas }) => {
  app.get(
    '/api/sagas/:id',
    {
      config: { access: 'view' },
      schema: {
        operationId: 'readSaga',
        tags: ['sagas'],
        summary: 'Read a saga and its steps',
        params: SagaParams,
        querystring: NoQuery,
        response: { 200: ref(SagaBody), ...problemResponses(400, 401, 403, 404, 503) },
      },
    },
    async (request, reply) => {
      const saga = await readSagas.read(request.params.id);
      if (request.method === 'HEAD') return sendHead(reply, jsonType);
      return toSagaBody(saga);
    },
  );
};
