// SPDX-License-Identifier: GPL-3.0-or-later
import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import { type EventType, eventTypes } from '../../core/events/ports.ts';
import { samplePrefix } from '../../core/webhooks/sample-event.ts';

type OpenApi = NonNullable<FastifyDynamicSwaggerOptions['openapi']>;
type WebhooksOf<Document> = Document extends { webhooks?: infer Webhooks } ? Webhooks : never;

const meanings: Record<EventType, string> = {
  'claim.reserved': 'A unit is reserved for a user, until `expires_at` or until its saga ends.',
  'claim.confirmed':
    'A reserved claim was confirmed, or a unit of a coupon without holds was claimed.',
  'claim.released': 'A claim was released, or its hold has expired. `reason` says why.',
  'claim.redeemed': 'A claim was redeemed.',
  'coupon.sold_out': 'No unit is left.',
  'coupon.stock_low': 'The remaining units have come down to `stock_low_at`, or below it.',
  'coupon.back_in_stock': 'A sold-out coupon has units again.',
  'coupon.opened': 'The sale takes claims. A sale that is resumed after a pause has no such event.',
  'coupon.closed': 'The sale is over, or the coupon was archived.',
};

const header = (name: string, description: string) => ({
  ...{ name, in: 'header', required: true, description },
  schema: { type: 'string' as const },
});

const headers = [
  header('webhook-id', 'The id of the event.'),
  header('webhook-timestamp', 'When this request was sent, in seconds since 1970.'),
  header(
    'webhook-signature',
    'Signatures as Standard Webhooks 1.0 defines them, one for each secret of the webhook, separated by spaces: `v1,` and ' +
      'the Base64 of the HMAC-SHA256 of the id, the timestamp and the body, joined by dots.',
  ),
];

const responses = {
  '2XX': { description: 'The event is delivered. Answer within 3 seconds.' },
  410: { description: 'The receiver wants no more events. The webhook is disabled.' },
  default: {
    description:
      'The event is sent again for up to 24 hours, after growing intervals, and not before `Retry-After`. Redirects are ' +
      'not followed.',
  },
};

function bodySchema(type: EventType) {
  return {
    type: 'object' as const,
    required: ['id', 'type', 'timestamp', 'data'],
    properties: {
      id: {
        type: 'string' as const,
        description:
          'The same in every request for this event. A request can come twice: skip an id that was handled. One that ' +
          `begins with ${samplePrefix} is a sample of an event that never happened.`,
      },
      type: { type: 'string' as const, const: type },
      timestamp: { type: 'string' as const, format: 'date-time', description: 'When it happened.' },
      data: {
        $ref: `#/components/schemas/${type.startsWith('claim.') ? 'Claim' : 'CouponEventData'}`,
      },
    },
  };
}

/** The `webhooks` of OpenAPI: what a receiver gets, by the type of the event. */
export function describeEvents(): NonNullable<WebhooksOf<OpenApi>> {
  return Object.fromEntries(
    eventTypes.map((type) => [
      type,
      {
        post: {
          operationId: operationIdOf(type),
          tags: ['events'],
          summary: meanings[type],
          description:
            'Sent at least once. An event waits for the earlier events of its claim, until they are delivered or given up.',
          parameters: headers,
          requestBody: {
            required: true,
            content: { 'application/json': { schema: bodySchema(type) } },
          },
          responses,
          // The signature takes the place of a key.
          security: [],
        },
      },
    ]),
  );
}

/** Such as `receiveClaimReserved`. */
function operationIdOf(type: EventType): string {
  const words = type.split(/[._]/).map((word) => word.charAt(0).toUpperCase() + word.slice(1));
  return `receive${words.join('')}`;
}
