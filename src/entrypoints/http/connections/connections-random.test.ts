// SPDX-License-Identifier: GPL-3.0-or-later
import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  closedAmong,
  type FakeClient,
  FakeServer,
} from '../../../../test/support/fake-connections.ts';
import { acceptedBeyond } from './connections.ts';

const actions = ['open', 'open', 'turn', 'request', 'body', 'byte', 'answer', 'leave'] as const;

/** What happens next, to which client, and how long after the previous step. */
type Step = { action: (typeof actions)[number]; who: number; ms: number };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    action: fc.constantFrom(...actions),
    who: fc.nat(200),
    ms: fc.constantFrom(0, 1, 150, 1500),
  }),
  { maxLength: 400 },
);

function play({ action, who, ms }: Step, server: FakeServer, clients: FakeClient[]): void {
  server.nowMs += ms;
  if (action === 'open') clients.push(server.openInTurn());
  if (action === 'turn') server.endTurn();
  const client = clients[who % Math.max(1, clients.length)];
  if (client === undefined || client.isClosed) return;
  const underWay = client._httpMessage;
  if (action === 'leave') client.destroy();
  if (action === 'byte' && underWay === null) client.bytesRead += 1;
  if (action === 'request' && underWay === null)
    server.request(client, { complete: who % 2 === 0 });
  if (action === 'body' && underWay !== null) underWay.req.complete = true;
  if (action === 'answer' && underWay?.req.complete) server.answer(client);
}

/** Fails unless the state matches the clients after this step. */
function check({ action }: Step, server: FakeServer, clients: FakeClient[], max: number): void {
  const open = clients.filter(({ isClosed }) => !isClosed);
  const idle = open.filter(({ _httpMessage, bytesRead }) => !_httpMessage && bytesRead > 0);
  const state = server.connections.state();
  expect(state.open).toBe(open.length);
  expect(state.open).toBeLessThanOrEqual(max + acceptedBeyond(max));
  expect(state.idle).toBeLessThanOrEqual(idle.length);
  if (action === 'turn' && state.idle > 0) {
    // A refusal under way on a connection beyond the limit does not count.
    const within = open.filter(({ shouldKeepAlive }) => shouldKeepAlive);
    expect(within.length).toBeLessThanOrEqual(Math.max(1, max * 0.9));
  }
}

it('random clients never exceed the limit, are counted correctly, and lose no response', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), steps, (max, all) => {
      const server = new FakeServer(max);
      const clients: FakeClient[] = [];
      for (const step of all) {
        const answered = clients.filter(
          ({ isClosed, _httpMessage }) => !isClosed && _httpMessage?.req.complete,
        );
        play(step, server, clients);
        // These two actions may close a connection that is being answered.
        if (step.action !== 'leave' && step.action !== 'answer') {
          expect(closedAmong(answered)).toEqual(answered.map(() => false));
        }
        check(step, server, clients, max);
      }
      for (const client of clients) client.destroy();
      expect(server.connections.state()).toMatchObject({ open: 0, idle: 0 });
    }),
    { numRuns: 300 },
  );
});
