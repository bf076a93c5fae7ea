// SPDX-License-Identifier: GPL-3.0-or-later
import type { Route } from '../route.ts';
import { ref } from '../schemas/ref.ts';
import { problemResponses } from '../schemas/responses.ts';
import { toTicketBody } from '../schemas/ticket-views.ts';
import { TicketBody, TicketParams } from '../schemas/tickets.ts';
import { jsonType } from '../send-head.ts';

/** `GET /api/tickets/{ticket_id}`: the state of a queued claim. Only with a queue. */
export const readTicketRoute: Route = (app, { tickets }) => {
  if (tickets === undefined) return;
  app.get(
    '/api/tickets/:ticket_id',
    {
      config: { access: 'claim-or-view' },
      schema: {
        operationId: 'readTicket',
        tags: ['claims'],
        summary: 'Read the state of a queued claim',
        description:
          'A final state never changes, whatever becomes of the claim afterwards. It can be read for `TICKET_RETENTION_HOURS` ' +
          'after the claim was accepted. A user token reads the tickets of its own user.',
        params: TicketParams,
        response: { 200: ref(TicketBody), ...problemResponses(400, 401, 403, 404, 503) },
      },
    },
    async (request, reply) => {
      const { ticket_id: ticketId } = request.params;
      const state = await tickets.read.read({ ticketId, userId: request.userId });
      // As text: its result has one of several shapes, and Fastify would check each of them.
      const text = JSON.stringify(toTicketBody(ticketId, state, request.id));
      return reply.header('Content-Type', jsonType).send(text);
    },
  );
};
