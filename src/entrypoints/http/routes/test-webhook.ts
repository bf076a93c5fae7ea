// SPDX-License-Identifier: GPL-3.0-or-later
import type { Route } from '../route.ts';
import { NoQuery, onlyObject } from '../schemas/fields.ts';
import { ref } from '../schemas/ref.ts';
import { problemResponses } from '../schemas/responses.ts';
import { TestDeliveryBody, WebhookParams } from '../schemas/webhooks.ts';

/** `POST /api/webhooks/{id}/test`: sends a sample at once and returns what its receiver answered. */
export const testWebhookRoute: Route = (app, { testWebhook }) => {
  app.post(
    '/api/webhooks/:id/test',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'testWebhook',
        tags: ['webhooks'],
        summary: 'Send a sample of an event',
        description:
          'Sends one sample of the first of its `events`, signed as usual, once and at once, and returns what the receiver ' +
          'answered. Its id begins with `evt_test_`, and its claim is of the user `test`. The body may be absent.',
        params: WebhookParams,
        querystring: NoQuery,
        body: onlyObject({}),
        response: {
          200: ref(TestDeliveryBody),
          ...problemResponses(400, 401, 403, 404, 503),
        },
      },
    },
    async (request) => {
      const { eventId, status, error } = await testWebhook(request.params.id);
      return { event_id: eventId, delivered: error === null, status, error };
    },
  );
};
