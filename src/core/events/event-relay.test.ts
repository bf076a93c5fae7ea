// SPDX-License-Identifier: GPL-3.0-or-later
import { expect, it } from 'vitest';
import { FixedClock } from '../../../test/support/fixed-clock.ts';
import { EventRelay, relayLedgers } from './event-relay.ts';
import type { EventRelayStore } from './ports.ts';

it('a relay that nothing needs reads no ledger, and begins within half a second once it is needed', async () => {
  const clock = new FixedClock();
  let isNeeded = false;
  let reads = 0;
  let ends = 0;
  const store: EventRelayStore = {
    async findUnread() {
      reads += 1;
      return { hasBegun: true, found: [], next: undefined };
    },
    recordSaleState: async () => 'done',
    relay: async () => [],
    async endOldDeliveries() {
      ends += 1;
      return 'done';
    },
  };
  const relay = new EventRelay({
    ...{ store, clock, isNeeded: () => isNeeded },
    ...{ restFactor: () => 3, warn: () => undefined },
  });
  const end = relay.begin({ duty: 'event_relay', epoch: '1' });
  await clock.advance(60_000);
  expect([reads, relay.state()]).toEqual([0, undefined]);
  expect(ends).toBeLessThanOrEqual(7);
  isNeeded = true;
  await clock.advance(500);
  expect([reads, relay.state()]).toEqual([1, { lagMs: expect.any(Number) }]);
  isNeeded = false;
  await clock.advance(60_000);
  expect([reads, relay.state()]).toEqual([1, undefined]);
  await end();
});

it('the relay rests between two calls by how long a call took, so that claims keep the database', async () => {
  expect(await timesOfCalls({ callMs: 10, restFactor: 7 })).toEqual([0, 80, 160]);
});

it('the relay rests for two seconds at most, so that it goes on with a slow database too', async () => {
  expect(await timesOfCalls({ callMs: 1_000, restFactor: 25 })).toEqual([0, 3_000, 6_000]);
});

/** When a relay of three slices calls the database. */
async function timesOfCalls(options: { callMs: number; restFactor: number }): Promise<number[]> {
  const clock = new FixedClock();
  const calls: number[] = [];
  const store: EventRelayStore = {
    findUnread: async () => ({
      hasBegun: true,
      found: [{ couponId: '1', hasRows: true, hasChanged: false }],
      next: undefined,
    }),
    recordSaleState: async () => 'done',
    async relay() {
      calls.push(clock.nowMs());
      await clock.sleep(options.callMs);
      return calls.length < 3 ? ['1'] : [];
    },
    endOldDeliveries: async () => 'done',
  };
  const held = {
    lease: { duty: 'event_relay', epoch: '1' },
    stopping: new AbortController(),
  } as const;
  const restFactor = () => options.restFactor;
  const ended = relayLedgers({ store, clock, restFactor }, held, () => undefined);
  await clock.advance(60_000);
  await ended;
  return calls;
}
