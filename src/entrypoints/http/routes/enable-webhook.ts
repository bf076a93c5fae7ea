// SPDX-License-Identifier: GPL-3.0-or-later
import type { Route } from '../route.ts';
import { NoQuery, onlyObject } from '../schemas/fields.ts';
import { ref } from '../schemas/ref.ts';
import { problemResponses } from '../schemas/responses.ts';
import { toWebhookBody, WebhookBody, WebhookParams } from '../schemas/webhooks.ts';

/** `POST /api/webhooks/{id}/enable`: sends events to a disabled webhook again. */
export const enableWebhookRoute: Route = (app, { enableWebhook, access, log }) => {
  app.post(
    '/api/webhooks/:id/enable',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'enableWebhook',
        tags: ['webhooks'],
        summary: 'Enable a disabled webhook',
        description:
          'It gets what happens from now on. What happened while it was disabled is not sent, and what was given up stays so ' +
          'until it is redelivered. An active webhook stays as it is. The body may be absent.',
        params: WebhookParams,
        querystring: NoQuery,
        body: onlyObject({}),
        response: {
          200: ref(WebhookBody),
          ...problemResponses(400, 401, 403, 404, 503),
        },
      },
    },
    async (request) => {
      const { id } = request.params;
      const by = { actor: access.actorOf(request), requestId: request.id };
      const webhook = await enableWebhook(id, by);
      log.info({ requestId: request.id, webhook: id }, 'webhook enabled');
      return toWebhookBody(webhook);
    },
  );
};
