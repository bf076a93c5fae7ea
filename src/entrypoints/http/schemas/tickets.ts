// SPDX-License-Identifier: GPL-3.0-or-later
/** What requests and responses about tickets hold. */
import { Type } from 'typebox';
import { enumOf } from './enums.ts';
import { PathText } from './fields.ts';

/** The states of a ticket. */
export const ticketStates = ['accepted', 'decided', 'expired', 'failed'] as const;

/** The path of one ticket. An id that no ticket can have is just not found. */
export const TicketParams = Type.Object({ ticket_id: PathText });

/** How long a client wants to wait for its claim. */
export const PreferHeader = Type.Optional(
  Type.String({
    description:
      'Where claims go into a queue: `wait=N` waits N seconds (0 to 20) for the decision, and `respond-async` does not wait. ' +
      'By default the wait is 5 seconds. Invalid values are ignored.',
    examples: ['respond-async', 'wait=10'],
  }),
);

const ticketId = Type.String({ description: 'Opaque and safe in a URL.' });

/** The response to a claim that waits in the queue for its decision. */
export const AcceptedTicketBody = Type.Object(
  {
    ticket_id: ticketId,
    state: enumOf(['accepted']),
    coupon_name: Type.String(),
    user_id: Type.String(),
  },
  {
    $id: 'AcceptedTicket',
    description: 'The claim waits in the queue. Its result can be read under this ticket.',
  },
);

/** A ticket. */
export const TicketBody = Type.Object(
  {
    ticket_id: ticketId,
    state: enumOf(ticketStates, {
      description:
        '`accepted`: the claim waits for its decision. `decided`: `result` has the decision. `expired`: it was not decided in ' +
        '`TICKET_EXPIRES_SECONDS` and never wins. `failed`: it cannot be decided; nothing of it is stored. Only `accepted` changes.',
    }),
    // By name: its schema has that of an accepted ticket.
    result: Type.Optional(
      Type.Unsafe<{ status: number } & Record<string, unknown>>({
        $ref: 'ClaimResult#',
        description: 'With `decided`: the claim, or the problem, as of the decision.',
      }),
    ),
  },
  { $id: 'Ticket', description: 'The ticket.' },
);
