// SPDX-License-Identifier: GPL-3.0-or-later
import type { Route } from '../route.ts';
import { NoQuery } from '../schemas/fields.ts';
import { ref } from '../schemas/ref.ts';
import { problemResponses } from '../schemas/responses.ts';
import { toWebhookBody, WebhookBody, WebhookListBody, WebhookParams } from '../schemas/webhooks.ts';
import { jsonType, sendHead } from '../send-head.ts';

/** `GET /api/webhooks` and `GET /api/webhooks/{id}`: the webhooks, without their secrets. */
export const readWebhooksRoute: Route = (app, { readWebhooks }) => {
  app.get(
    '/api/webhooks',
    {
      config: { access: 'view' },
      schema: {
        operationId: 'listWebhooks',
        tags: ['webhooks'],
        summary: 'List webhooks',
        description: 'All of them, in order of their creation.',
        querystring: NoQuery,
        response: {
          200: ref(WebhookListBody),
          ...problemResponses(400, 401, 403, 503),
        },
      },
    },
    async (request, reply) => {
      if (request.method === 'HEAD') return sendHead(reply, jsonType);
      return { webhooks: (await readWebhooks.list()).map(toWebhookBody) };
    },
  );
  app.get(
    '/api/webhooks/:id',
    {
      config: { access: 'view' },
      schema: {
        operationId: 'readWebhook',
        tags: ['webhooks'],
        summary: 'Read a webhook',
        params: WebhookParams,
        response: { 200: ref(WebhookBody), ...problemResponses(400, 401, 403, 404, 503) },
      },
    },
    async (request, reply) => {
      const webhook = await readWebhooks.read(request.params.id);
      if (request.method === 'HEAD') return sendHead(reply, jsonType);
      return toWebhookBody(webhook);
    },
  );
};
