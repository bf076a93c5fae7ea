// SPDX-License-Identifier: GPL-3.0-or-later
/** The event streams of tickets of this process: `GET /api/tickets/{ticket_id}/events`. */
import type { Clock } from '../../../core/clock.ts';
import { AppError } from '../../../core/errors.ts';
import type { ReadTickets, TicketQuery, TicketState } from '../../../core/tickets/read-ticket.ts';
import { toTicketBody } from '../schemas/ticket-views.ts';
import { type EventSource, EventStream, type StreamTarget } from './event-stream.ts';
import { Heartbeats } from './heartbeats.ts';
import { retryHint } from './stock-event.ts';
import type { StreamCounts } from './stream-counts.ts';

/** What the streams work with. */
export type TicketStreamsOptions = {
  tickets: Pick<ReadTickets, 'follow' | 'read'>;
  counts: StreamCounts;
  clock: Clock;
  /** A random number from 0 up to 1. */
  random(): number;
};

/** A request for a stream. */
export type TicketStreamRequest = {
  query: TicketQuery;
  requestId: string;
  /** The id of the last event that the client has seen, as it says. */
  lastEventId: string | undefined;
  /** Starts the response; undefined where the client is gone. */
  startResponse(): StreamTarget | undefined;
};

// As for streams of stock: clients that lose a node come back spread over these milliseconds.
const retryMsMin = 1_000;
const retryMsMax = 5_000;

/** All streams of tickets of this process. Each ends with the final state of its ticket. */
export class TicketStreams {
  private readonly options: TicketStreamsOptions;
  private readonly heartbeats: Heartbeats;
  /** The open streams, each with what ends its wait for the final state. */
  private readonly streams = new Map<EventStream, () => void>();
  private isStopping = false;

  constructor(options: TicketStreamsOptions) {
    const { clock, counts } = options;
    this.options = options;
    this.heartbeats = new Heartbeats(clock, (stream) => {
      counts.add('dropped');
      stream.cut();
    });
  }

  /**
   * Opens a stream. Resolves to false where the client has the final state already, and nothing is sent. Rejects with the
   * faults of a read, with `overloaded` where too many are open, and with `unavailable` when the service stops.
   */
  async open(request: TicketStreamRequest): Promise<boolean> {
    const { counts, tickets } = this.options;
    const { lastEventId, query } = request;
    // An unknown ticket is reported as such, since no later attempt can succeed.
    if (counts.isFull) await tickets.read(query);
    counts.enter();
    let isOpen = false;
    try {
      const events = new TicketEvents(request);
      let stream: EventStream | undefined;
      const { state, stop } = await tickets.follow(query, (final) => {
        events.take(final);
        if (stream !== undefined) this.finish(stream);
      });
      if (state.state !== 'accepted' && state.state === lastEventId) return false;
      // It may have become final since the read.
      if (events.version === 0) events.take(state);
      if (this.isStopping) {
        stop();
        throw new AppError('unavailable', { detail: 'the service is stopping' });
      }
      const target = request.startResponse();
      if (target === undefined) {
        stop();
        return true;
      }
      isOpen = true;
      counts.add('opened');
      counts.add('written');
      target.connection.once('close', () => counts.leave());
      if (events.isFinal) target.response.end(this.firstAndLast(events));
      else stream = this.start(events, target, stop);
      return true;
    } finally {
      if (!isOpen) counts.leave();
    }
  }

  /** Ends all streams and opens no further one. Cuts clients that do not read. */
  stop(): void {
    this.isStopping = true;
    for (const stream of this.streams.keys()) this.end(stream);
  }

  private start(
    events: TicketEvents,
    target: StreamTarget,
    stopFollowing: () => void,
  ): EventStream {
    const first = { nowMs: this.options.clock.nowMs(), retryMs: this.retryMs() };
    const stream = new EventStream(events, target, first);
    this.streams.set(stream, stopFollowing);
    this.heartbeats.add(stream);
    target.connection.once('close', () => this.forget(stream));
    return stream;
  }

  /** The stream of a ticket that has its final state already. */
  private firstAndLast(events: TicketEvents): Buffer {
    return Buffer.concat([Buffer.from(retryHint(this.retryMs())), events.newestEvent()]);
  }

  private finish(stream: EventStream): void {
    const { clock, counts } = this.options;
    this.forget(stream);
    counts.add(stream.endWithNewest(clock.nowMs()) ? 'written' : 'dropped');
  }

  private end(stream: EventStream): void {
    this.forget(stream);
    stream.end(this.options.clock.nowMs(), this.retryMs());
  }

  private forget(stream: EventStream): void {
    this.streams.get(stream)?.();
    this.streams.delete(stream);
    this.heartbeats.remove(stream);
  }

  private retryMs(): number {
    return retryMsMin + this.options.random() * (retryMsMax - retryMsMin);
  }
}

/** The events of one ticket: its state when the stream is opened, and its final state. */
class TicketEvents implements EventSource {
  version = 0;
  private readonly request: TicketStreamRequest;
  private state: TicketState = { state: 'accepted' };

  constructor(request: TicketStreamRequest) {
    this.request = request;
  }

  get isFinal(): boolean {
    return this.state.state !== 'accepted';
  }

  take(state: TicketState): void {
    this.state = state;
    this.version += 1;
  }

  newestEvent(): Buffer {
    const { query, requestId } = this.request;
    const data = JSON.stringify(toTicketBody(query.ticketId, this.state, requestId));
    return Buffer.from(`id: ${this.state.state}\nevent: ticket\ndata: ${data}\n\n`);
  }
}
