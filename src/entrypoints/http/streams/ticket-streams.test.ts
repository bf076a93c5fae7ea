// SPDX-License-Identifier: GPL-3.0-or-later
import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { FixedClock } from '../../../../test/support/fixed-clock.ts';
import { AppError } from '../../../core/errors.ts';
import type { TicketState } from '../../../core/tickets/read-ticket.ts';
import type { TicketResult } from '../../../core/tickets/ticket.ts';
import { StreamCounts } from './stream-counts.ts';
import { TicketStreams } from './ticket-streams.ts';

/** A connection that keeps what is written until a test says that it is read. */
class Client extends EventEmitter {
  received = '';
  writableLength = 0;
  isEnded = false;
  isDestroyed = false;

  write(bytes: Buffer | string): boolean {
    expect(this.isEnded, 'written after the end').toBe(false);
    this.received += bytes.toString();
    this.writableLength += bytes.length;
    return true;
  }

  end(bytes: Buffer | string): this {
    this.write(bytes);
    this.isEnded = true;
    return this;
  }

  destroy(): this {
    this.isDestroyed = true;
    this.emit('close');
    return this;
  }

  read(): void {
    this.writableLength = 0;
  }
}

function setup({ openMax = 10 } = {}) {
  const clock = new FixedClock();
  const counts = new StreamCounts(openMax);
  const ticket = {
    ...{ state: { state: 'accepted' } as TicketState, stops: 0, isUnknown: false },
  };
  let onFinal: (state: TicketResult) => void = () => undefined;
  const streams = new TicketStreams({
    ...{ counts, clock, random: () => 0.5 },
    tickets: {
      async read() {
        if (ticket.isUnknown) throw new AppError('ticket_not_found', { detail: 'no ticket' });
        return ticket.state;
      },
      async follow(_query, given) {
        onFinal = given;
        return { state: ticket.state, stop: () => (ticket.stops += 1) };
      },
    },
  });
  const client = new Client();
  const open = (lastEventId?: string) =>
    streams.open({
      ...{ query: { ticketId: 't1', userId: undefined }, requestId: 'r1', lastEventId },
      startResponse: () => ({ response: client as never, connection: client as never }),
    });
  return { clock, counts, ticket, streams, client, open, end: (s: TicketResult) => onFinal(s) };
}

const expired: TicketResult = { state: 'expired' };
const eventOf = (state: string) =>
  `id: ${state}\nevent: ticket\ndata: {"ticket_id":"t1","state":"${state}"}\n\n`;

describe('a stream of a ticket', () => {
  it('begins with the state, and ends with the final one', async () => {
    const { client, counts, end, open } = setup();
    expect(await open()).toBe(true);
    client.read();
    end(expired);
    expect(client.received).toBe(`retry: 3000\n${eventOf('accepted')}${eventOf('expired')}`);
    expect(client.isEnded).toBe(true);
    client.emit('close');
    expect(counts.state()).toMatchObject({ open: 0, opened: 1, written: 2, dropped: 0 });
  });

  it('is one event where the state is final already', async () => {
    const { client, clock, open, ticket } = setup();
    ticket.state = expired;
    await open('accepted');
    expect([client.received, client.isEnded]).toEqual([`retry: 3000\n${eventOf('expired')}`, true]);
    expect(clock.pending).toBe(0);
  });

  it('is not opened for a client that has the final state', async () => {
    const { client, counts, open, ticket } = setup();
    ticket.state = expired;
    expect(await open('expired')).toBe(false);
    expect([client.received, counts.open]).toEqual(['', 0]);
  });

  it('gets heartbeats while it waits', async () => {
    const { client, clock, open } = setup();
    await open('accepted');
    client.read();
    await clock.advance(15_000);
    expect(client.received.endsWith('\n\n:\n\n')).toBe(true);
  });

  it('cuts a client that has not read the first event', async () => {
    const { client, counts, end, open } = setup();
    await open();
    end(expired);
    expect([client.isDestroyed, counts.state()]).toMatchObject([true, { open: 0, dropped: 1 }]);
  });

  it('ends the wait for the state with its connection', async () => {
    const { client, clock, counts, open, ticket } = setup();
    await open();
    client.emit('close');
    expect([ticket.stops, counts.open, clock.pending]).toEqual([1, 0, 0]);
  });

  it('ends when the service stops, and no further one is opened', async () => {
    const { client, counts, open, streams, ticket } = setup();
    await open();
    client.read();
    streams.stop();
    expect([client.isEnded, ticket.stops]).toEqual([true, 1]);
    await expect(open()).rejects.toMatchObject({ code: 'unavailable' });
    expect(counts.open).toBe(1);
  });

  it('counts towards the limit of all event streams', async () => {
    const { counts, open, ticket } = setup({ openMax: 1 });
    counts.enter();
    await expect(open()).rejects.toMatchObject({ code: 'overloaded' });
    ticket.isUnknown = true;
    await expect(open()).rejects.toMatchObject({ code: 'ticket_not_found' });
    expect(counts.state()).toMatchObject({ open: 1, refused: 1 });
  });
});
