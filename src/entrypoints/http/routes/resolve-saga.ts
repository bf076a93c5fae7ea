// SPDX-License-Identifier: GPL-3.0-or-later
import type { Route } from '../route.ts';
import { NoQuery, onlyObject } from '../schemas/fields.ts';
import { ref } from '../schemas/ref.ts';
import { problemResponses } from '../schemas/responses.ts';
import { resolutionFields, SagaBody, SagaParams, toSagaBody } from '../schemas/sagas.ts';

/** `POST /api/sagas/{id}/resolve`: ends a saga that needs attention as an operator says, without a further call. */
export const resolveSagaRoute: Route = (app, { resolveSaga, access, log }) => {
  app.post(
    '/api/sagas/:id/resolve',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'resolveSaga',
        tags: ['sagas'],
        summary: 'End a saga that needs attention',
        description:
          'No participant is called any more: make sure first that `as` is true there. The claim is confirmed or released soon ' +
          'after. The same resolution again changes nothing; a saga in another state is 400.',
        params: SagaParams,
        querystring: NoQuery,
        body: onlyObject(resolutionFields),
        response: { 202: ref(SagaBody), ...problemResponses(400, 401, 403, 404, 503) },
      },
    },
    async (request, reply) => {
      const { as, note } = request.body;
      const by = { actor: access.actorOf(request), requestId: request.id };
      const saga = await resolveSaga(request.params.id, { as, note }, by);
      log.info({ requestId: request.id, saga: saga.sagaId, as }, 'saga resolved');
      reply.code(202);
      return { message: 'saga resolved', ...toSagaBody(saga) };
    },
  );
};
