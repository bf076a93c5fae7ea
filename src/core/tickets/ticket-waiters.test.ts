// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { FakeTicketStore, noteTicketMetrics } from '../../../test/support/fake-tickets.ts';
import { FixedClock } from '../../../test/support/fixed-clock.ts';
import type { TicketResult } from './ticket.ts';
import { TicketWaiters } from './ticket-waiters.ts';

const soldOut: TicketResult = { state: 'decided', outcome: { outcome: 'sold_out' } };

function setup() {
  const clock = new FixedClock();
  const store = new FakeTicketStore();
  const { metrics, noted } = noteTicketMetrics();
  const waiters = new TicketWaiters({ store, clock, metrics });
  const ended: [claimId: string, state: string][] = [];
  /** Returns what ends the wait. */
  const wait = (claimId: string, waitMs = 10_000) => {
    const onEnd = (result: TicketResult | undefined) => {
      ended.push([claimId, result?.state ?? 'no result']);
    };
    waiters.wait(claimId, waitMs, onEnd);
    return () => waiters.cancel(claimId, onEnd);
  };
  return { clock, store, noted, waiters, ended, wait };
}

describe('those who wait for tickets', () => {
  it('all get the result of their ticket, once', () => {
    const { ended, wait, waiters } = setup();
    for (const claimId of ['c1', 'c1', 'c2']) wait(claimId);
    waiters.resolve('c1', soldOut);
    waiters.resolve('c1', { state: 'expired' });
    expect(ended).toEqual([
      ['c1', 'decided'],
      ['c1', 'decided'],
    ]);
    expect(waiters.waiting).toBe(1);
  });

  it('get nothing after they have ended their wait', async () => {
    const { clock, ended, wait, waiters } = setup();
    const ends = [1, 2, 3, 4].map(() => wait('c1', 1_000));
    // The last one, the first one, and one between them.
    for (const index of [3, 0, 1, 1]) ends[index]?.();
    expect(waiters.waiting).toBe(1);
    waiters.resolve('c1', soldOut);
    for (const end of ends) end();
    await clock.advance(2_000);
    expect([ended, waiters.waiting]).toEqual([[['c1', 'decided']], 0]);
  });

  it('wait no longer than they want', async () => {
    const { clock, ended, wait } = setup();
    wait('c1', 200);
    wait('c2', 400);
    await clock.advance(250);
    expect(ended).toEqual([['c1', 'no result']]);
    await clock.advance(200);
    expect(ended).toHaveLength(2);
    // No timer runs while nobody waits.
    expect(clock.pending).toBe(0);
  });

  it('find a result that was not reported to them, with one query for all', async () => {
    const { clock, ended, noted, store, wait } = setup();
    for (const claimId of ['c1', 'c2', 'c3']) wait(claimId);
    store.results.set('c2', soldOut);
    await clock.advance(499);
    expect(store.calls).toEqual([]);
    await clock.advance(100);
    expect(store.calls).toEqual(['readMany c1 c2 c3']);
    expect([ended, noted]).toEqual([[['c2', 'decided']], ['found by poll']]);
  });

  it('look less and less often, down to every two seconds', async () => {
    const { clock, store, wait } = setup();
    wait('c1', 20_000);
    await clock.advance(10_000);
    // After 0.5, 1.5, 3.5, 5.5, 7.5 and 9.5 seconds.
    expect(store.calls).toHaveLength(6);
  });

  it('look for a thousand tickets at a time, and for the next ones after a pause', async () => {
    const { clock, store, wait } = setup();
    for (let index = 0; index < 1_500; index += 1) wait(`c${index}`);
    await clock.advance(550);
    expect(store.calls.map((call) => call.split(' ').length - 1)).toEqual([1_000]);
    await clock.advance(150);
    expect(store.calls.map((call) => call.split(' ').length - 1)).toEqual([1_000, 500]);
  });

  it('go on waiting while the database is away', async () => {
    const { clock, ended, store, wait } = setup();
    store.isAway = true;
    wait('c1', 20_000);
    await clock.advance(2_000);
    expect(ended).toEqual([]);
    store.isAway = false;
    store.results.set('c1', soldOut);
    await clock.advance(2_000);
    expect(ended).toEqual([['c1', 'decided']]);
  });

  it('all end when the process drains, and later ones at once', () => {
    const { clock, ended, wait, waiters } = setup();
    wait('c1');
    waiters.endAll();
    wait('c2');
    expect(ended).toEqual([
      ['c1', 'no result'],
      ['c2', 'no result'],
    ]);
    expect([waiters.waiting, clock.pending]).toEqual([0, 0]);
  });
});
