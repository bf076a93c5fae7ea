// SPDX-License-Identifier: GPL-3.0-or-later
import type { Static } from 'typebox';
import type { DeliveryPosition } from '../../../core/webhooks/ports.ts';
import type { Delivery } from '../../../core/webhooks/webhook.ts';
import type { Route } from '../route.ts';
import { cursorOf, onlyObject, pageParameters } from '../schemas/fields.ts';
import { LinkHeader, withHeaders } from '../schemas/headers.ts';
import { linkNextPage, pageLimitDefault } from '../schemas/pages.ts';
import { ref } from '../schemas/ref.ts';
import { problemResponses } from '../schemas/responses.ts';
import { type DeliveryBody, DeliveryPageBody, WebhookParams } from '../schemas/webhooks.ts';
import { jsonType, sendHead } from '../send-head.ts';

/** `GET /api/webhooks/{id}/deliveries`: what became of the events of a webhook, the newest event first, in pages. */
export const listWebhookDeliveriesRoute: Route = (app, { readWebhooks }) => {
  app.get(
    '/api/webhooks/:id/deliveries',
    {
      config: { access: 'view' },
      schema: {
        operationId: 'listWebhookDeliveries',
        tags: ['webhooks'],
        summary: 'List the deliveries of a webhook, the newest event first',
        description:
          'A delivery is kept for 30 days after its event, and as long as it is pending.',
        params: WebhookParams,
        querystring: onlyObject({
          limit: pageParameters.limit,
          cursor: cursorOf('^[0-9]{1,18}-[0-9]{1,18}-[0-9]{1,18}-[0-9]{1,9}$'),
        }),
        response: {
          200: withHeaders(ref(DeliveryPageBody), LinkHeader),
          ...problemResponses(400, 401, 403, 404, 503),
        },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const { limit = pageLimitDefault, cursor } = request.query;
      if (request.method === 'HEAD') {
        await readWebhooks.read(id);
        return sendHead(reply, jsonType);
      }
      const page = await readWebhooks.listDeliveries(id, { before: toPosition(cursor), limit });
      const next = page.next === undefined ? null : toCursor(page.next);
      const path = `/api/webhooks/${encodeURIComponent(id)}/deliveries`;
      if (next !== null) linkNextPage(reply, { path, limit, cursor: next });
      return { deliveries: page.deliveries.map(toDeliveryBody), next_cursor: next };
    },
  );
};

function toPosition(cursor: string | undefined): DeliveryPosition | undefined {
  if (cursor === undefined) return undefined;
  const [microseconds = '', couponId = '', seq = '', n] = cursor.split('-');
  return { microseconds, couponId, seq, n: Number(n) };
}

function toCursor({ microseconds, couponId, seq, n }: DeliveryPosition): string {
  return [microseconds, couponId, seq, n].join('-');
}

function toDeliveryBody(delivery: Delivery): Static<typeof DeliveryBody> {
  return {
    event_id: delivery.eventId,
    type: delivery.type,
    timestamp: delivery.at,
    state: delivery.state,
    attempts: delivery.attempts,
    last_attempt_at: delivery.lastAttemptAt,
    last_status: delivery.lastStatus,
    last_error: delivery.lastError,
    next_attempt_at: delivery.nextAttemptAt,
  };
}
