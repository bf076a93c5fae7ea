// SPDX-License-Identifier: GPL-3.0-or-later
/** Calls with many claims that wait: for the database, for the queue, while their client leaves or the service stops. */
import { connect } from 'node:net';
import { describe, expect, inject, it } from 'vitest';
import { type HeldCoupon, holdCoupon } from '../support/contract-locks.ts';
import { expectProblem } from '../support/contract-problems.ts';
import {
  type ContractService,
  decidesAtOnce,
  newName,
  pathOf,
  until,
  useService,
} from '../support/contract-service.ts';

const usersOf = (count: number) => Array.from({ length: count }, () => newName('user'));
const claimsOf = (coupon_name: string, users: readonly string[]) =>
  users.map((user_id) => ({ coupon_name, user_id }));

/** Runs while claims of a coupon cannot be decided. */
async function whileHeld(
  { database }: ContractService,
  coupon: string,
  run: (held: HeldCoupon) => Promise<void>,
): Promise<void> {
  const held = await holdCoupon(database, coupon);
  try {
    await run(held);
  } finally {
    await held.release();
  }
}

describe('a call with many claims that waits for the database', () => {
  const service = useService(decidesAtOnce);

  it('has all its claims decided, also when its client disconnects', async () => {
    const coupon = await service.createCoupon({ amount: 60 });
    const users = usersOf(50);
    await whileHeld(service, coupon, async (held) => {
      const body = JSON.stringify({ claims: claimsOf(coupon, users) });
      const socket = connect(service.client.port, '127.0.0.1');
      socket.write(
        `POST /api/claims/batch HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
      await held.untilWaiting();
      socket.resetAndDestroy();
    });
    const read = await until(
      () => service.client.get(pathOf(coupon)),
      ({ json }) => json.remaining_amount === 10,
    );
    expect(read.json.claimed_by).toEqual(users);
  });

  it('is answered by a service that stops', async () => {
    const coupon = await service.createCoupon({ amount: 3 });
    await service.withAnother(decidesAtOnce, async (other) => {
      const claims = claimsOf(coupon, usersOf(5));
      let stopped: Promise<void> | undefined;
      let sent: ReturnType<typeof other.client.post> | undefined;
      await whileHeld(service, coupon, async (held) => {
        sent = other.client.post('/api/claims/batch', { claims });
        await held.untilWaiting();
        stopped = other.app.stop();
      });
      const answer = await sent;
      expect(answer?.status).toBe(200);
      const statuses = answer?.json.results.map(({ status }: { status: number }) => status);
      expect(statuses).toEqual([200, 200, 200, 400, 400]);
      await stopped;
    });
  });
});

describe('calls with many claims whose bodies arrive slowly', () => {
  const service = useService();

  it('take a limited amount of memory together: beyond it a call is 503, and nothing of it is stored', async () => {
    const coupon = await service.createCoupon();
    const head =
      'POST /api/claims/batch HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1048576\r\n\r\n';
    const unfinished = Buffer.alloc(1_048_575, ' ');
    const sockets = Array.from({ length: 70 }, () => connect(service.client.port, '127.0.0.1'));
    for (const socket of sockets) {
      socket.on('error', () => undefined);
      socket.write(head);
      socket.write(unfinished);
    }
    const before = await service.storedCounts();
    const note = 'x'.repeat(900_000);
    const send = (user: string) =>
      service.client.post('/api/claims/batch', {
        claims: [{ coupon_name: coupon, user_id: user, note }],
      });
    try {
      // An unknown coupon, since the call is taken while the bodies still arrive.
      const refused = await until(
        () =>
          service.client.post('/api/claims/batch', {
            claims: [{ coupon_name: 'no such coupon', user_id: 'ada', note }],
          }),
        ({ status }) => status === 503,
      );
      expectProblem(refused, 'overloaded');
      expect((await service.client.claim('eve', 'no such coupon')).status).toBe(404);
      expect(await service.storedCounts()).toEqual(before);
    } finally {
      for (const socket of sockets) socket.destroy();
    }
    const answer = await until(
      () => send('ada'),
      ({ status }) => status === 200,
    );
    expect(answer.json.results[0].status).toBe(200);
  });
});

describe.runIf(inject('amqpUrl') !== undefined)('a call with many claims for the queue', () => {
  const service = useService();

  it('is answered with tickets when its wait is over, and without where it wants none', async () => {
    const coupon = await service.createCoupon({ amount: 1 });
    const claims = claimsOf(coupon, usersOf(2));
    await whileHeld(service, coupon, async () => {
      for (const prefer of ['respond-async', 'wait=1']) {
        const answer = await service.client.post(
          '/api/claims/batch',
          { claims: [...claims, {}] },
          { Prefer: prefer },
        );
        expect(answer.status).toBe(200);
        expect(answer.headers['preference-applied']).toBe(prefer);
        const [first, , last] = answer.json.results;
        expect(first).toEqual({
          ...{ status: 202, state: 'accepted', ...claims[0] },
          ...{ ticket_id: expect.any(String), location: `/api/tickets/${first.ticket_id}` },
        });
        expect(last.status).toBe(400);
        expect((await service.client.get(first.location)).json.state).toBe('accepted');
      }
    });
    const decided = await service.client.post('/api/claims/batch', { claims });
    expect(decided.json.results.map(({ code }: { code: string }) => code).sort()).toEqual([
      'already_claimed',
      'sold_out',
    ]);
    expect(decided.headers).not.toHaveProperty('preference-applied');
  });
});
