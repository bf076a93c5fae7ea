// SPDX-License-Identifier: GPL-3.0-or-later
/** What requests and responses about webhooks hold. */
import { type Static, Type } from 'typebox';
import type { EventType } from '../../../core/events/ports.ts';
import type { Webhook } from '../../../core/webhooks/webhook.ts';
import { EventTypeName, enumOf } from './enums.ts';
import { NextCursor, PathText } from './fields.ts';
import { ref } from './ref.ts';

/** The path of one webhook. An id that no webhook can have is just not found. */
export const WebhookParams = Type.Object({ id: PathText });

/** Where events are sent. */
export const ReceiverUrl = Type.String({
  minLength: 1,
  maxLength: 2048,
  pattern: '^[^\\p{Cc}\\p{Cs}\\s]*$',
  description: 'HTTPS, at a public address. It is fixed, as the other members are.',
  examples: ['https://shop.example/events'],
});

/** Types of events. */
export const EventTypes = Type.Unsafe<EventType[]>({
  type: 'array',
  items: ref(EventTypeName),
  minItems: 1,
  uniqueItems: true,
});

const time = { type: 'string', format: 'date-time' } as const;
const TimeOrNull = Type.Unsafe<string | null>({ ...time, type: ['string', 'null'] });
const TextOrNull = Type.Unsafe<string | null>({ type: ['string', 'null'] });

const webhookFields = {
  message: Type.Optional(Type.String()),
  id: Type.String({ format: 'uuid' }),
  url: Type.String(),
  events: EventTypes,
  coupon_name: Type.Unsafe<string | null>({
    type: ['string', 'null'],
    description: 'null: the events of all coupons.',
  }),
  created_at: Type.String({ ...time, description: 'It gets what happens from then on.' }),
  disabled_at: Type.Unsafe<string | null>({
    ...{ type: ['string', 'null'], format: 'date-time' },
    description: 'Since when it gets no events, because its receiver wants no more.',
  }),
  disabled_reason: TextOrNull,
};

/** A webhook. Its secrets are in no list. */
export const WebhookBody = Type.Object(webhookFields, {
  ...{ $id: 'Webhook', description: 'The webhook, without its secrets.' },
});

/** All webhooks. */
export const WebhookListBody = Type.Object(
  { webhooks: Type.Array(ref(WebhookBody)) },
  { $id: 'WebhookList', description: 'All webhooks.' },
);

/** A webhook with a secret that is shown only now. */
export const WebhookWithSecretBody = Type.Object(
  {
    ...webhookFields,
    secret: Type.Optional(
      Type.String({
        description: 'Shown only now: it signs every request, as Standard Webhooks 1.0 defines it.',
      }),
    ),
  },
  { $id: 'WebhookWithSecret', description: 'The webhook, and its newest secret.' },
);

/** An event that a webhook is to get, or has got. */
export const DeliveryBody = Type.Object(
  {
    event_id: Type.String(),
    type: ref(EventTypeName),
    timestamp: Type.String({ ...time, description: 'When it happened.' }),
    state: enumOf(['pending', 'delivered', 'given_up'], {
      description: 'given_up: 24 hours of attempts have failed, or the webhook was disabled.',
    }),
    attempts: Type.Integer({ description: 'Since it was last asked for.' }),
    last_attempt_at: TimeOrNull,
    last_status: Type.Unsafe<number | null>({
      type: ['integer', 'null'],
      description: 'The status of the last response; null where none arrived.',
    }),
    last_error: TextOrNull,
    next_attempt_at: TimeOrNull,
  },
  { $id: 'Delivery', description: 'An event that a webhook is to get, or has got.' },
);

/** A page of deliveries. */
export const DeliveryPageBody = Type.Object(
  { deliveries: Type.Array(ref(DeliveryBody)), next_cursor: NextCursor },
  { $id: 'DeliveryPage', description: 'A page of deliveries.' },
);

/** How many events a call sends again. */
export const RedeliveredEventsBody = Type.Object(
  {
    message: Type.String(),
    events: Type.Integer({ description: 'How many events are sent again.' }),
  },
  { $id: 'RedeliveredEvents', description: 'The events are sent again.' },
);

/** What a receiver answered to a sample. */
export const TestDeliveryBody = Type.Object(
  {
    event_id: Type.String(),
    delivered: Type.Boolean({ description: 'The status is one of 200 to 299.' }),
    status: Type.Unsafe<number | null>({
      type: ['integer', 'null'],
      description: 'null: no response arrived.',
    }),
    error: TextOrNull,
  },
  { $id: 'TestDelivery', description: 'What the receiver answered.' },
);

/** The body of a webhook. */
export function toWebhookBody(webhook: Webhook): Static<typeof WebhookBody> {
  return {
    id: webhook.webhookId,
    url: webhook.url,
    events: [...webhook.events],
    coupon_name: webhook.couponName,
    created_at: webhook.createdAt,
    disabled_at: webhook.disabledAt,
    disabled_reason: webhook.disabledReason,
  };
}
