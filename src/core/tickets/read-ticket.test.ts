// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import {
  FakeDatabaseClock,
  FakeTicketStore,
  fakeTicketIds,
  noteTicketMetrics,
} from '../../../test/support/fake-tickets.ts';
import { FixedClock, flushPromises } from '../../../test/support/fixed-clock.ts';
import { readTicketsWith } from './read-ticket.ts';
import type { TicketResult } from './ticket.ts';
import { TicketWaiters } from './ticket-waiters.ts';

const soldOut: TicketResult = { state: 'decided', outcome: { outcome: 'sold_out' } };
const expiresMs = 300_000;

function setup() {
  const clock = new FixedClock();
  const store = new FakeTicketStore();
  const databaseClock = new FakeDatabaseClock();
  const { metrics } = noteTicketMetrics();
  const waiters = new TicketWaiters({ store, clock, metrics });
  const tickets = readTicketsWith({
    ...{ ids: fakeTicketIds, store, databaseClock, waiters, clock, expiresMs, readersMax: 100 },
  });
  const query = { ticketId: 'ticket-c1-1000-ada', userId: undefined as string | undefined };
  const final: string[] = [];
  const follow = () => tickets.follow(query, ({ state }) => final.push(state));
  return { clock, store, databaseClock, waiters, tickets, query, final, follow };
}

describe('the read of a ticket', () => {
  it('returns accepted where no final state is stored, and then the final state', async () => {
    const { query, store, tickets } = setup();
    expect(await tickets.read(query)).toEqual({ state: 'accepted' });
    store.results.set('c1', soldOut);
    expect(await tickets.read(query)).toEqual(soldOut);
  });

  it('shares a query with reads of other tickets', async () => {
    const { query, store, tickets } = setup();
    await Promise.all([
      tickets.read(query),
      tickets.read({ ...query, ticketId: 'ticket-c2-1000-ada' }),
      tickets.read({ ...query, ticketId: 'ticket-c3-1000-ada' }),
    ]);
    expect(store.calls).toEqual(['readMany c1', 'readMany c2 c3']);
  });

  it.each([
    ['past its time', expiresMs + 1_000],
    ['where the clock of the database is not known', undefined],
  ])('%s has the store judge the time', async (_, ms) => {
    const { databaseClock, query, store, tickets } = setup();
    databaseClock.ms = ms;
    store.pastTime.add('c1');
    expect(await tickets.read(query)).toEqual({ state: 'expired' });
    expect(store.calls).toEqual(['read c1']);
  });

  it('rejects with ticket_not_found for any text that is no id, without a query', async () => {
    const { query, store, tickets } = setup();
    for (const ticketId of ['', 'no ticket', '\0', 'ticket-c1']) {
      await expect(tickets.read({ ...query, ticketId })).rejects.toMatchObject({
        code: 'ticket_not_found',
      });
    }
    expect(store.calls).toEqual([]);
  });

  it('rejects with ticket_not_found past the retention', async () => {
    const { databaseClock, query, store, tickets } = setup();
    databaseClock.ms = undefined;
    store.results.set('c1', 'gone');
    await expect(tickets.read(query)).rejects.toMatchObject({ code: 'ticket_not_found' });
  });

  it('rejects with forbidden for a user with the ticket of another one', async () => {
    const { query, store, tickets } = setup();
    expect(await tickets.read({ ...query, userId: 'ada' })).toEqual({ state: 'accepted' });
    store.calls.length = 0;
    await expect(tickets.read({ ...query, userId: 'bob' })).rejects.toMatchObject({
      code: 'forbidden',
    });
    expect(store.calls).toEqual([]);
  });
});

describe('following a ticket', () => {
  it('returns a final state at once, and waits for nothing', async () => {
    const { final, follow, store, waiters } = setup();
    store.results.set('c1', soldOut);
    expect((await follow()).state).toEqual(soldOut);
    expect([final, waiters.waiting]).toEqual([[], 0]);
  });

  it('reports the final state when it arrives', async () => {
    const { final, follow, waiters } = setup();
    expect((await follow()).state).toEqual({ state: 'accepted' });
    waiters.resolve('c1', soldOut);
    expect([final, waiters.waiting]).toEqual([['decided'], 0]);
  });

  it('misses no result that arrives during the first read', async () => {
    const { final, follow, waiters } = setup();
    const following = follow();
    waiters.resolve('c1', soldOut);
    expect((await following).state).toEqual(soldOut);
    expect(final).toEqual([]);
  });

  it('has the ticket expire when its time is over, and tries again while the database is away', async () => {
    const { clock, databaseClock, final, follow, store } = setup();
    databaseClock.ms = expiresMs;
    await follow();
    store.isAway = true;
    store.pastTime.add('c1');
    databaseClock.ms = expiresMs + 1_001;
    await clock.advance(3_000);
    expect(final).toEqual([]);
    store.isAway = false;
    await clock.advance(3_000);
    expect(final).toEqual(['expired']);
    expect(clock.pending).toBe(0);
  });

  it('reports nothing after a stop', async () => {
    const { clock, final, follow, waiters } = setup();
    const { stop } = await follow();
    stop();
    waiters.resolve('c1', soldOut);
    await clock.advance(10_000);
    expect([final, waiters.waiting, clock.pending]).toEqual([[], 0, 0]);
  });

  it('does not read again and again while the process drains', async () => {
    const { clock, follow, store, waiters } = setup();
    await follow();
    waiters.endAll();
    await flushPromises();
    await clock.advance(900);
    expect(store.calls).toEqual(['readMany c1', 'readMany c1']);
  });
});
