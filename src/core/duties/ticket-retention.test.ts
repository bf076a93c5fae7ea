// SPDX-License-Identifier: GPL-3.0-or-later
import { expect, it } from 'vitest';
import { FixedClock, flushPromises } from '../../../test/support/fixed-clock.ts';
import { TicketRetention, type TicketRetentionStore } from './ticket-retention.ts';

const lease = { duty: 'ticket_retention', epoch: '3' } as const;

type Slice = Awaited<ReturnType<TicketRetentionStore['deleteOld']>> | Error;

/** A retention whose store returns these slices, one for each call. */
function retaining(slices: Slice[], outcomes: ({ hasMore: boolean } | 'lease_lost')[] = []) {
  const clock = new FixedClock();
  const calls: string[] = [];
  const outcomeCalls: string[] = [];
  const lines: string[] = [];
  const retention = new TicketRetention({
    store: {
      async deleteOld({ epoch }, after = 'the first') {
        calls.push(`${epoch}: ${after}`);
        const slice = slices.shift() ?? { deleted: 0, next: undefined };
        if (slice instanceof Error) throw slice;
        return slice;
      },
    },
    outcomes: {
      async deleteOld({ epoch }) {
        outcomeCalls.push(epoch);
        return outcomes.shift() ?? { hasMore: false };
      },
    },
    ...{ clock, warn: (_, message) => lines.push(message) },
  });
  return { retention, clock, calls, outcomeCalls, lines };
}

it('walks over all slices at once, and begins again after a minute', async () => {
  const { retention, clock, calls } = retaining([
    { deleted: 10, next: 'a' },
    { deleted: 0, next: 'b' },
    { deleted: 4, next: undefined },
  ]);
  const end = retention.begin(lease);
  await flushPromises();
  expect(calls).toEqual(['3: the first', '3: a', '3: b']);
  expect(retention.deleted).toBe(14);
  await clock.advance(59_000);
  expect(calls).toHaveLength(3);
  await clock.advance(1_000);
  expect(calls).toEqual(['3: the first', '3: a', '3: b', '3: the first']);
  await end();
});

it('ends when its lease is lost', async () => {
  const { retention, clock, calls } = retaining(['lease_lost']);
  retention.begin(lease);
  await clock.advance(120_000);
  expect(calls).toEqual(['3: the first']);
});

it('deletes all old counts of outcomes after the tickets, and ends when its lease is lost', async () => {
  const { retention, clock, outcomeCalls } = retaining(
    [],
    [{ hasMore: true }, { hasMore: false }, 'lease_lost'],
  );
  retention.begin(lease);
  await flushPromises();
  expect(outcomeCalls).toEqual(['3', '3']);
  await clock.advance(120_000);
  expect(outcomeCalls).toEqual(['3', '3', '3']);
});

it('reports a failure and goes on', async () => {
  const { retention, clock, calls, lines } = retaining([
    new Error('no'),
    { deleted: 1, next: undefined },
  ]);
  const end = retention.begin(lease);
  await clock.advance(60_000);
  expect(lines).toEqual([
    'old tickets and counts of outcomes could not be deleted; it is tried again',
  ]);
  expect(calls).toHaveLength(2);
  expect(retention.deleted).toBe(1);
  await end();
});
