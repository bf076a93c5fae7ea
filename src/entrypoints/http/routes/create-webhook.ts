// SPDX-License-Identifier: GPL-3.0-or-later
import { Type } from 'typebox';
import type { Route } from '../route.ts';
import { CouponName, IdempotencyKeyHeader, NoQuery, onlyObject } from '../schemas/fields.ts';
import { LocationHeader, ReplayedHeader, withHeaders } from '../schemas/headers.ts';
import { ref } from '../schemas/ref.ts';
import { problemResponses } from '../schemas/responses.ts';
import {
  EventTypes,
  ReceiverUrl,
  toWebhookBody,
  WebhookWithSecretBody,
} from '../schemas/webhooks.ts';

/** `POST /api/webhooks`: creates a webhook and shows its secret. */
export const createWebhookRoute: Route = (app, { createWebhook, access, log }) => {
  app.post(
    '/api/webhooks',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'createWebhook',
        tags: ['webhooks'],
        summary: 'Create a webhook',
        description:
          'It gets the events of these types that happen from now on, of one coupon or of all. `secret` is in the first ' +
          'response only. With an `Idempotency-Key` a repeat creates nothing and shows no secret, as long as the webhook ' +
          'exists, and the same key with another body is 422.',
        headers: IdempotencyKeyHeader,
        querystring: NoQuery,
        body: onlyObject({
          url: ReceiverUrl,
          events: EventTypes,
          coupon_name: Type.Optional(CouponName),
        }),
        response: {
          201: withHeaders(ref(WebhookWithSecretBody), LocationHeader, ReplayedHeader),
          ...problemResponses(400, 401, 403, 404, 422, 503),
        },
      },
    },
    async (request, reply) => {
      const { url, events, coupon_name: couponName = null } = request.body;
      const idempotencyKey = request.headers['idempotency-key'];
      const { webhook, secret } = await createWebhook(
        { url, events, couponName, idempotencyKey },
        { actor: access.actorOf(request), requestId: request.id },
      );
      const id = webhook.webhookId;
      if (secret === undefined) reply.header('Idempotency-Replayed', 'true');
      // A path can hold a password of the receiver, so the log has no URL.
      else log.info({ requestId: request.id, webhook: id, events }, 'webhook created');
      reply.code(201).header('Location', `/api/webhooks/${id}`);
      const body = { message: 'webhook created', ...toWebhookBody(webhook) };
      return secret === undefined ? body : { ...body, secret: secret.reveal() };
    },
  );
};
