// SPDX-License-Identifier: GPL-3.0-or-later
import type { Route } from '../route.ts';
import { NoQuery, onlyObject } from '../schemas/fields.ts';
import { ref } from '../schemas/ref.ts';
import { problemResponses } from '../schemas/responses.ts';
import { SagaBody, SagaParams, toSagaBody } from '../schemas/sagas.ts';

/** `POST /api/sagas/{id}/retry`: lets a saga that needs attention go on where it stopped. */
export const retrySagaRoute: Route = (app, { retrySaga, access, log }) => {
  app.post(
    '/api/sagas/:id/retry',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'retrySaga',
        tags: ['sagas'],
        summary: 'Let a saga that needs attention go on',
        description:
          'It goes on where it stopped, with all its attempts anew: a step is run again before the deadline, an undo at any ' +
          'time. A saga in another state is 400. The body may be absent.',
        params: SagaParams,
        querystring: NoQuery,
        body: onlyObject({}),
        response: { 202: ref(SagaBody), ...problemResponses(400, 401, 403, 404, 503) },
      },
    },
    async (request, reply) => {
      const by = { actor: access.actorOf(request), requestId: request.id };
      const saga = await retrySaga(request.params.id, by);
      log.info({ requestId: request.id, saga: saga.sagaId }, 'saga retried');
      reply.code(202);
      return { message: 'saga retried', ...toSagaBody(saga) };
    },
  );
};
