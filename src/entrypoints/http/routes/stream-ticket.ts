// SPDX-License-Identifier: GPL-3.0-or-later
import { Type } from 'typebox';
import type { Route } from '../route.ts';
import { problemResponses } from '../schemas/responses.ts';
import { TicketParams } from '../schemas/tickets.ts';
import { sendHead } from '../send-head.ts';
import { eventStreamType } from '../streams/stock-event.ts';

/** `GET /api/tickets/{ticket_id}/events`: the state of a queued claim, now and when it is final. Only with a queue. */
export const streamTicketRoute: Route = (app, { tickets, startStream }) => {
  const streams = tickets?.streams;
  if (tickets === undefined || streams === undefined) return;
  app.get(
    '/api/tickets/:ticket_id/events',
    {
      config: { access: 'claim-or-view' },
      schema: {
        operationId: 'streamTicket',
        tags: ['claims'],
        summary: 'Follow a queued claim until it is decided',
        description:
          'Server-sent events `ticket`, each with the body of the ticket as its data: the state at once, and the final state ' +
          'when there is one. After the final state the stream ends. `id` is the state: a client that connects again with the ' +
          'final state as its `Last-Event-ID` gets 204, and stops. Comments come every 15 seconds.',
        params: TicketParams,
        headers: Type.Object({
          'last-event-id': Type.Optional(
            Type.String({ description: 'The last `id` that the client has received.' }),
          ),
        }),
        response: {
          200: { description: 'Events', content: { [eventStreamType]: { schema: Type.String() } } },
          204: { description: 'The client has the final state already.', type: 'null' },
          ...problemResponses(400, 401, 403, 404, 503),
        },
      },
    },
    async (request, reply) => {
      const query = { ticketId: request.params.ticket_id, userId: request.userId };
      reply.header('X-Accel-Buffering', 'no');
      if (request.method === 'HEAD') {
        await tickets.read.read(query);
        return sendHead(reply, eventStreamType);
      }
      const isOpen = await streams.open({
        ...{ query, requestId: request.id, lastEventId: request.headers['last-event-id'] },
        startResponse: () => startStream(request, reply),
      });
      return isOpen ? reply : reply.code(204).send();
    },
  );
};
