// SPDX-License-Identifier: GPL-3.0-or-later
import { Type } from 'typebox';
import type { Route } from '../route.ts';
import { NoQuery, onlyObject } from '../schemas/fields.ts';
import { problemResponses } from '../schemas/responses.ts';
import { WebhookParams } from '../schemas/webhooks.ts';

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
          200: Type.Object({
            event_id: Type.String(),
            delivered: Type.Boolean({ description: 'The status is one of 200 to 299.' }),
            status: Type.Unsafe<number | null>({
              type: ['integer', 'null'],
              description: 'null: no response arrived.',
            }),
            error: Type.Unsafe<string | null>({ type: ['string', 'null'] }),
          }),
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
