// SPDX-License-Identifier: GPL-3.0-or-later
/** The queue of a service in memory: claims wait in it, and each has a ticket. */
import { lastFor } from './last-for.ts';
import { ticketIdOf } from './proof-ticket-script.ts';

type Decision = { status: number; body: object; headers?: Record<string, string> };
type State = { state: string; result?: object };

/** What the queue does with a ticket: it decides it in its turn, or never. */
export type TicketFate = 'decided' | 'expired' | 'failed';

export class FakeTickets {
  private readonly states = new Map<string, State>();
  private turn: Promise<void> = Promise.resolve();

  /** Takes a claim into the queue. It is decided after those before it, `queueMs` after its turn has come. */
  accept(parts: {
    claimId: string;
    queueMs: number;
    fate: TicketFate;
    decide: () => Decision;
  }): string {
    const { claimId, queueMs, fate, decide } = parts;
    const ticketId = ticketIdOf(claimId);
    this.states.set(ticketId, { state: 'accepted' });
    this.turn = this.turn.then(async () => {
      await lastFor(queueMs);
      this.states.set(ticketId, fate === 'decided' ? decided(decide()) : { state: fate });
    });
    return ticketId;
  }

  /** The body that `GET /api/tickets/{id}` has; undefined for an unknown id. */
  read(ticketId: string): object | undefined {
    const state = this.states.get(ticketId);
    return state && { ticket_id: ticketId, ...state };
  }
}

function decided({ status, body, headers }: Decision): State {
  const replayed = headers?.['Idempotency-Replayed'] === 'true' && { replayed: true };
  return { state: 'decided', result: { status, ...body, ...replayed } };
}
