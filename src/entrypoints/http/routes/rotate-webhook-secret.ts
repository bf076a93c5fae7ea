// SPDX-License-Identifier: GPL-3.0-or-later
import type { Route } from '../route.ts';
import { NoQuery, onlyObject } from '../schemas/fields.ts';
import { ref } from '../schemas/ref.ts';
import { problemResponses } from '../schemas/responses.ts';
import { toWebhookBody, WebhookParams, WebhookWithSecretBody } from '../schemas/webhooks.ts';

/** `POST /api/webhooks/{id}/rotate-secret`: gives a webhook a new secret beside the last one. */
export const rotateWebhookSecretRoute: Route = (app, { rotateWebhookSecret, access, log }) => {
  app.post(
    '/api/webhooks/:id/rotate-secret',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'rotateWebhookSecret',
        tags: ['webhooks'],
        summary: 'Give a webhook a new secret',
        description:
          '`secret` is shown only now. The secret before it goes on signing beside it, until the next rotation: change the ' +
          'receiver in between. If the response is lost, call it again and change the receiver at once: events that it refuses ' +
          'meanwhile are sent again. The body may be absent.',
        params: WebhookParams,
        querystring: NoQuery,
        body: onlyObject({}),
        response: {
          200: ref(WebhookWithSecretBody),
          ...problemResponses(400, 401, 403, 404, 503),
        },
      },
    },
    async (request) => {
      const { id } = request.params;
      const { webhook, secret } = await rotateWebhookSecret(id, {
        actor: access.actorOf(request),
        requestId: request.id,
      });
      log.info({ requestId: request.id, webhook: id }, 'webhook secret rotated');
      return {
        message: 'webhook secret rotated',
        ...toWebhookBody(webhook),
        secret: secret.reveal(),
      };
    },
  );
};
