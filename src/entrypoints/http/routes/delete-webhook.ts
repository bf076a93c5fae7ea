// SPDX-License-Identifier: GPL-3.0-or-later
import { Type } from 'typebox';
import type { Route } from '../route.ts';
import { NoQuery } from '../schemas/fields.ts';
import { problemResponses } from '../schemas/responses.ts';
import { WebhookParams } from '../schemas/webhooks.ts';

/** `DELETE /api/webhooks/{id}`: deletes a webhook and its deliveries. */
export const deleteWebhookRoute: Route = (app, { deleteWebhook, access, log }) => {
  app.delete(
    '/api/webhooks/:id',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'deleteWebhook',
        tags: ['webhooks'],
        summary: 'Delete a webhook and its deliveries',
        description:
          'Nothing more is sent, but for requests that are under way. With millions of deliveries the call takes some ' +
          'seconds. If it is interrupted, a repeat is 404 and deletes what is left of them.',
        params: WebhookParams,
        querystring: NoQuery,
        response: {
          204: Type.Null({ description: 'Deleted' }),
          ...problemResponses(400, 401, 403, 404, 503),
        },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      await deleteWebhook(id, { actor: access.actorOf(request), requestId: request.id });
      log.info({ requestId: request.id, webhook: id }, 'webhook deleted');
      return reply.code(204).send();
    },
  );
};
