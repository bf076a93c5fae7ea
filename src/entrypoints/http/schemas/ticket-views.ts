// SPDX-License-Identifier: GPL-3.0-or-later
/** Turns tickets into bodies. */
import type { Static } from 'typebox';
import type { ClaimOutcome } from '../../../core/claims/claim.ts';
import type { TicketState } from '../../../core/tickets/read-ticket.ts';
import { toRefusalDetails } from '../problems/claim-refusals.ts';
import { problemMembers } from '../problems/problem.ts';
import type { TicketBody } from './tickets.ts';
import { toWonBody } from './views.ts';

/** The body of a ticket. */
export function toTicketBody(
  ticketId: string,
  state: TicketState,
  requestId: string,
): Static<typeof TicketBody> {
  return {
    ...{ ticket_id: ticketId, state: state.state },
    ...(state.state === 'decided' && { result: toResult(state.outcome, requestId) }),
  };
}

function toResult(outcome: ClaimOutcome, requestId: string) {
  switch (outcome.outcome) {
    case 'claimed':
      return { status: 200, ...toWonBody(outcome.claim) };
    case 'replayed':
      return { status: 200, ...toWonBody(outcome.claim), replayed: true };
    default:
      return problemMembers(requestId, toRefusalDetails(outcome));
  }
}
