// SPDX-License-Identifier: GPL-3.0-or-later
import { Type } from 'typebox';
import type { EventsToRedeliver } from '../../../core/webhooks/redeliver-events.ts';
import type { Route } from '../route.ts';
import { eventsToRedeliver, NoQuery, onlyObject } from '../schemas/fields.ts';
import { ref } from '../schemas/ref.ts';
import { problemResponses } from '../schemas/responses.ts';
import { invalidRequest } from '../schemas/validation.ts';
import { RedeliveredEventsBody, WebhookParams } from '../schemas/webhooks.ts';
import { toTime } from '../schemas/window-time.ts';

const Time = Type.String({ format: 'date-time', examples: ['2030-01-31T18:00:00Z'] });

/** `POST /api/webhooks/{id}/redeliver`: sends one event again, or those of a period. */
export const redeliverEventsRoute: Route = (app, { redeliverEvents, log }) => {
  app.post(
    '/api/webhooks/:id/redeliver',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'redeliverEvents',
        tags: ['webhooks'],
        summary: 'Send events again',
        description:
          'Takes either `event_id`, or `since` and `until`: the events from `since` on and before `until`. They are due now, ' +
          'whatever became of them, and are tried for 24 hours. Only events that the webhook was to get in the last 30 days can ' +
          'be sent again.',
        params: WebhookParams,
        querystring: NoQuery,
        body: onlyObject(
          {
            event_id: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
            since: Type.Optional(Time),
            until: Type.Optional(Time),
          },
          { minProperties: 1 },
        ),
        response: {
          202: ref(RedeliveredEventsBody),
          ...problemResponses(400, 401, 403, 404, 503),
        },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const events = await redeliverEvents(id, toEvents(request.body));
      log.info({ requestId: request.id, webhook: id, events }, 'events are sent again');
      reply.code(202);
      return { message: 'events are sent again', events };
    },
  );
};

function toEvents(body: { event_id?: string; since?: string; until?: string }): EventsToRedeliver {
  const { event_id: eventId, since, until } = body;
  if (eventId !== undefined && since === undefined && until === undefined) return { eventId };
  if (eventId !== undefined || since === undefined || until === undefined) {
    throw invalidRequest([{ field: 'body', message: eventsToRedeliver }]);
  }
  if (toTime('until', until) <= toTime('since', since)) {
    throw invalidRequest([{ field: 'until', message: 'must be later than since' }]);
  }
  // As they are given: the times of events have microseconds.
  return { since, until };
}
