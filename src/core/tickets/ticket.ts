// SPDX-License-Identifier: GPL-3.0-or-later
import type { ClaimCommand, ClaimOutcome } from '../claims/claim.ts';
import type { FieldError } from '../errors.ts';

/**
 * A claim that waits in the queue for its decision. Its claim id identifies the ticket; the time of acceptance is the
 * database's clock in milliseconds, as the accepting node last measured it.
 */
export type Ticket = { claimId: string; acceptedAtMs: number };

/** A claim as it stands in the queue. */
export type QueuedClaim = Omit<ClaimCommand, 'ticket'> &
  Ticket & {
    /** How often a decision has failed, 0 at first. */
    attempts: number;
    /** Where the result is expected: the address of a node's reply queue. Undefined: nobody waits. */
    replyTo?: string | undefined;
    /** The W3C trace context of the request. */
    traceParent?: string | undefined;
  };

/**
 * The final state of a ticket, stored once in the transaction of its decision.
 * - `decided`: the outcome at that time. It stays as it is, whatever becomes of the claim.
 * - `expired`: not decided in time. The claim never wins afterwards.
 * - `failed`: no decision can be made. Nothing of the claim is stored, and nothing ever will be.
 */
export type TicketResult =
  | { state: 'decided'; outcome: ClaimOutcome }
  | { state: 'expired' }
  | { state: 'failed'; problem: TicketProblem };

/** How a claim that waits for this state is answered: the outcome of its decision, or the code of a fault. */
export function answerTo(result: Exclude<TicketResult, { state: 'decided' }>): TicketFault;
export function answerTo(result: TicketResult): ClaimOutcome['outcome'] | TicketFault;
export function answerTo(result: TicketResult): ClaimOutcome['outcome'] | TicketFault {
  switch (result.state) {
    case 'decided':
      return result.outcome.outcome;
    case 'expired':
      return 'overloaded';
    case 'failed':
      return result.problem.code;
  }
}

type TicketFault = TicketProblem['code'] | 'overloaded';

/** Why a ticket has failed, for its caller. */
export type TicketProblem = {
  code: 'invalid_request' | 'internal' | 'unavailable';
  detail: string;
  fields?: FieldError[];
};

/** Makes and reads ticket ids, which any node can verify. */
export type TicketIds = {
  /** Returns the id of the ticket: URL-safe text of a fixed length. */
  create(ticket: Ticket, userId: string): string;
  /** Verifies an id and reads it; undefined for any text that no node of this service has created. Never throws. */
  read(ticketId: string): (Ticket & { belongsTo(userId: string): boolean }) | undefined;
};
