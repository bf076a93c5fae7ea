// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../clock.ts';
import { AppError } from '../errors.ts';
import { SharedRead } from '../shared-read.ts';
import type { DatabaseClock, TicketStore } from './ports.ts';
import type { Ticket, TicketIds, TicketResult } from './ticket.ts';
import type { TicketWaiters } from './ticket-waiters.ts';

/** The state of a ticket as a caller sees it. */
export type TicketState = TicketResult | { state: 'accepted' };

/** A request for the state of a ticket. */
export type TicketQuery = {
  ticketId: string;
  /** The user of a token, who reads no ticket of another user. Undefined for callers that may read all. */
  userId: string | undefined;
};

/** Reads tickets. */
export type ReadTickets = {
  /**
   * Returns the state of a ticket now. Faults: `ticket_not_found`, `forbidden` for a ticket of another user, `overloaded`,
   * `unavailable`.
   */
  read(query: TicketQuery): Promise<TicketState>;
  /**
   * Returns the state of a ticket now. Unless that is final, `onFinal` is called with the final state, once, until the
   * returned function `stop` is called. Faults: those of `read`.
   */
  follow(
    query: TicketQuery,
    onFinal: (state: TicketResult) => void,
  ): Promise<{ state: TicketState; stop(): void }>;
};

/** What the reading works with. */
export type ReadTicketsOptions = {
  ids: Pick<TicketIds, 'read'>;
  store: Pick<TicketStore, 'read' | 'readMany'>;
  databaseClock: Pick<DatabaseClock, 'nowMs'>;
  waiters: Pick<TicketWaiters, 'wait' | 'cancel'>;
  clock: Pick<Clock, 'sleep'>;
  /** How long after its acceptance a ticket can be decided, in milliseconds. */
  expiresMs: number;
  /** Readers that may wait for the database; one more gets `overloaded`. */
  readersMax: number;
};

const idsPerReadMax = 500;
// The measured clock of the database is a lower bound, and a ticket that it calls open may have expired some time ago.
const afterExpiryMs = 100;
const retryMs = 1_000;

/** Reads tickets from the store. Concurrent reads of tickets that can still be decided share a query. */
export function readTicketsWith(options: ReadTicketsOptions): ReadTickets {
  const { databaseClock, expiresMs, ids, readersMax, store } = options;
  const openTickets = new SharedRead<TicketResult>({
    load: (claimIds) => store.readMany(claimIds),
    ...{ keysMax: idsPerReadMax, readersMax },
  });
  const find = ({ ticketId, userId }: TicketQuery): Ticket => {
    const ticket = ids.read(ticketId);
    if (ticket === undefined) throw notFound('no ticket has this id');
    if (userId !== undefined && !ticket.belongsTo(userId)) {
      throw new AppError('forbidden', {
        detail: 'a user token is valid for the tickets of its own user only',
      });
    }
    return ticket;
  };
  const leftMs = ({ acceptedAtMs }: Ticket): number => {
    const nowMs = databaseClock.nowMs();
    return nowMs === undefined ? 0 : acceptedAtMs + expiresMs - nowMs;
  };
  const readState = async (ticket: Ticket): Promise<TicketState> => {
    if (leftMs(ticket) > 0)
      return (await openTickets.read(ticket.claimId)) ?? { state: 'accepted' };
    const state = await store.read({ claimId: ticket.claimId, acceptedAtMs: ticket.acceptedAtMs });
    if (state === 'gone') throw notFound('the result of this ticket is no longer kept');
    return state === 'accepted' ? { state } : state;
  };
  return {
    read: async (query) => readState(find(query)),
    async follow(query, onFinal) {
      const ticket = find(query);
      const followed = new FollowedTicket({
        ...{ ...options, claimId: ticket.claimId, onFinal },
        leftMs: () => leftMs(ticket),
        readState: () => readState(ticket),
      });
      return { state: await followed.begin(), stop: () => followed.stop() };
    },
  };
}

function notFound(detail: string): AppError {
  return new AppError('ticket_not_found', { detail });
}

type FollowedTicketOptions = Pick<ReadTicketsOptions, 'waiters' | 'clock'> & {
  claimId: string;
  leftMs(): number;
  readState(): Promise<TicketState>;
  onFinal(state: TicketResult): void;
};

/** A ticket whose final state somebody waits for, however long that takes. */
class FollowedTicket {
  private readonly options: FollowedTicketOptions;
  private readonly stopped = new AbortController();
  /** The final state where it arrives during the first read. */
  private early: TicketResult | undefined;
  private hasBegun = false;

  constructor(options: FollowedTicketOptions) {
    this.options = options;
  }

  /** Returns the state now. It waits before it reads, so that no result in between is missed. */
  async begin(): Promise<TicketState> {
    this.wait();
    try {
      const state = await this.options.readState();
      const known = this.early ?? state;
      if (known.state !== 'accepted') this.stop();
      return known;
    } catch (error) {
      this.stop();
      throw error;
    } finally {
      this.hasBegun = true;
    }
  }

  stop(): void {
    const { claimId, waiters } = this.options;
    this.stopped.abort();
    waiters.cancel(claimId, this.onEnd);
  }

  private wait(): void {
    const { claimId, leftMs, waiters } = this.options;
    const waitMs = Math.max(leftMs(), 0) + afterExpiryMs;
    waiters.wait(claimId, waitMs, this.onEnd);
  }

  private readonly onEnd = (result: TicketResult | undefined): void => {
    if (result !== undefined) this.end(result);
    else void this.readAgain();
  };

  private end(result: TicketResult): void {
    if (this.stopped.signal.aborted) return;
    if (!this.hasBegun) {
      this.early = result;
      return;
    }
    this.stop();
    this.options.onFinal(result);
  }

  /** The ticket is past its time, so a read stores that it has expired. */
  private async readAgain(): Promise<void> {
    const { clock, readState } = this.options;
    const { signal } = this.stopped;
    const state = await readState().catch((): TicketState => ({ state: 'accepted' }));
    if (state.state !== 'accepted') {
      this.end(state);
      return;
    }
    await clock.sleep(retryMs, signal);
    if (!signal.aborted) this.wait();
  }
}
