// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { aQueuedClaim, FakeClaimQueue } from '../../../test/support/fake-claim-queue.ts';
import {
  FakeTicketResults,
  FakeTicketStore,
  noteTicketMetrics,
} from '../../../test/support/fake-tickets.ts';
import { FixedClock, flushPromises } from '../../../test/support/fixed-clock.ts';
import type { TicketDecision, TicketedClaim } from '../claims/ports.ts';
import { AppError } from '../errors.ts';
import { QueuedClaims } from './decide-queued.ts';
import type { QueuedClaim, TicketResult } from './ticket.ts';

const soldOut: TicketDecision = { outcome: 'sold_out' };
const fault = (code: 'overloaded' | 'unavailable' | 'outcome_unknown' | 'internal') =>
  new AppError(code, { detail: `it is ${code}` });
const trigger = new Error('refused', { cause: new Error('no') });
const refusedByRule = new AppError('unavailable', {
  ...{ detail: 'the database refuses this claim', refusedByRule: true },
});
const invalid = new AppError('invalid_request', {
  ...{ detail: 'not allowed', fields: [{ field: 'user_id', message: 'must be another one' }] },
});

type Pending = {
  command: TicketedClaim;
  resolve(outcome: TicketDecision): void;
  reject(error: unknown): void;
};

function setup({ room = 100, attemptsMax = 3 } = {}) {
  const clock = new FixedClock();
  const queue = new FakeClaimQueue();
  const store = new FakeTicketStore();
  const results = new FakeTicketResults();
  const { metrics, noted } = noteTicketMetrics();
  const resolved: [claimId: string, TicketResult][] = [];
  const warnings: string[] = [];
  const database = { isUp: true };
  /** Everything that has entered a lane, in order. */
  const entered: string[] = [];
  const pending = new Map<string, Pending>();
  const lanes = { room };
  const consumer = new QueuedClaims({
    ...{ queue, store, results, metrics, clock, attemptsMax },
    waiters: { resolve: (claimId, result) => resolved.push([claimId, result]) },
    decide(command) {
      entered.push(command.claimId);
      expect(pending.has(command.claimId), 'twice in a lane').toBe(false);
      return new Promise((resolve, reject) => {
        pending.set(command.claimId, { command, resolve, reject });
      });
    },
    hasRoom: () => pending.size < lanes.room,
    isDatabaseUp: async () => database.isUp,
    log: { warn: (_, message) => warnings.push(message) },
  });
  consumer.start();
  const take = (claimId: string): Pending => {
    const found = pending.get(claimId);
    if (found === undefined) throw new Error(`${claimId} is in no lane`);
    pending.delete(claimId);
    return found;
  };
  const decide = async (claimId: string, outcome: TicketDecision = soldOut) => {
    take(claimId).resolve(outcome);
    await flushPromises();
  };
  const fail = async (claimId: string, error: unknown) => {
    take(claimId).reject(error);
    await flushPromises();
  };
  const deliver = (...claims: (string | QueuedClaim)[]) => {
    for (const claim of claims) {
      queue.deliver(typeof claim === 'string' ? aQueuedClaim(claim) : claim);
    }
  };
  return {
    ...{ clock, queue, store, results, noted, resolved, warnings, database, entered, pending },
    ...{ lanes, consumer, decide, fail, deliver },
  };
}

describe('the consumer', () => {
  it('gives the lanes each claim with its id and the time of its acceptance', () => {
    const { deliver, pending } = setup();
    deliver(aQueuedClaim('c1', { idempotencyKey: 'key-1', acceptedAtMs: 77, replyTo: 'node-2' }));
    expect(pending.get('c1')?.command).toEqual({
      ...{ claimId: 'c1', couponName: 'LAUNCH', userId: 'user of c1', idempotencyKey: 'key-1' },
      ticket: { acceptedAtMs: 77 },
    });
  });

  it('lets claims of a partition enter in their order', () => {
    const { deliver, entered } = setup();
    deliver('c1', 'c2', 'c3');
    expect(entered).toEqual(['c1', 'c2', 'c3']);
  });

  it('drops what waits of a lost connection, since it is delivered again', async () => {
    const { consumer, decide, deliver, entered, queue } = setup({ room: 1 });
    deliver('c1', 'c2', 'c3');
    queue.loseConnection();
    deliver('c1', 'c2', 'c3');
    expect(consumer.depth().held).toBe(3);
    await decide('c1');
    expect(entered).toEqual(['c1', 'c1']);
    await decide('c1');
    expect(entered).toEqual(['c1', 'c1', 'c2']);
  });

  it('settles a delivery when its claim is decided, and reports the result to those who wait here', async () => {
    const { decide, deliver, noted, queue, resolved, results } = setup();
    deliver(aQueuedClaim('c1', { replyTo: 'node-1' }), 'c2');
    expect(queue.settled).toEqual([]);
    await decide('c1');
    expect(queue.settled).toEqual([['c1', { kind: 'done' }]]);
    expect(resolved).toEqual([['c1', { state: 'decided', outcome: soldOut }]]);
    expect([noted, results.sent]).toEqual([['settled sold_out of LAUNCH'], []]);
  });

  it.each([
    [{ outcome: 'ticket_expired' }, { state: 'expired' }],
    [
      { outcome: 'ticket_failed', problem: { code: 'internal', detail: 'failed' } },
      { state: 'failed', problem: { code: 'internal', detail: 'failed' } },
    ],
  ] as const)('reports a ticket that ended without a decision: %o', async (outcome, result) => {
    const { decide, deliver, queue, resolved } = setup();
    deliver('c1');
    await decide('c1', outcome);
    expect([queue.dispositions, resolved]).toEqual([['c1 done'], [['c1', result]]]);
  });

  it('sends the results for another node in one message a turn', async () => {
    const { clock, decide, deliver, results } = setup();
    const endTurn = clock.holdTurn();
    for (const claimId of ['c1', 'c2']) deliver(aQueuedClaim(claimId, { replyTo: 'node-2' }));
    deliver(aQueuedClaim('c3', { replyTo: 'node-3' }), 'c4');
    for (const claimId of ['c1', 'c2', 'c3', 'c4']) await decide(claimId);
    endTurn();
    expect(results.sent).toEqual([
      ['node-2', ['c1', 'c2']],
      ['node-3', ['c3']],
    ]);
  });
});

describe('a consumer whose lanes have no room', () => {
  it('keeps the order, and goes on as soon as a claim of it is decided', async () => {
    const { decide, deliver, entered } = setup({ room: 2 });
    deliver('c1', 'c2', 'c3', 'c4');
    expect(entered).toEqual(['c1', 'c2']);
    await decide('c2');
    expect(entered).toEqual(['c1', 'c2', 'c3']);
  });

  it('looks again for room that claims of others have left', async () => {
    const { clock, deliver, entered, lanes } = setup({ room: 0 });
    deliver('c1');
    await clock.advance(100);
    expect(entered).toEqual([]);
    lanes.room = 1;
    await clock.advance(10);
    expect(entered).toEqual(['c1']);
  });

  it('does not hold up another partition', async () => {
    const { clock, database, decide, deliver, entered, fail, queue } = setup();
    deliver('c1', 'c2');
    await fail('c1', fault('overloaded'));
    queue.deliver(aQueuedClaim('d1', { couponName: 'OTHER' }), 1);
    expect(entered).toEqual(['c1', 'c2', 'd1']);
    await decide('d1');
    await clock.advance(100);
    expect(entered).toEqual(['c1', 'c2', 'd1', 'c1']);
    expect([database.isUp, queue.calls]).toEqual([true, []]);
  });

  it('waits for claims that time out together as for one', async () => {
    const { clock, deliver, entered, fail } = setup();
    const claimIds = Array.from({ length: 20 }, (_, index) => `c${index}`);
    deliver(...claimIds);
    for (const claimId of claimIds) await fail(claimId, fault('overloaded'));
    await clock.advance(60);
    expect(entered.slice(20)).toEqual(claimIds);
  });

  it('tries a claim again that a lane has refused after all, before later ones, and counts no attempt', async () => {
    const { clock, deliver, entered, fail, queue } = setup({ room: 2, attemptsMax: 1 });
    deliver('c1', 'c2', 'c3');
    await fail('c1', fault('overloaded'));
    expect(entered).toEqual(['c1', 'c2']);
    await clock.advance(60);
    expect(entered).toEqual(['c1', 'c2', 'c1']);
    expect(queue.settled).toEqual([]);
  });
});

describe('a consumer whose database is away', () => {
  it.each(['unavailable', 'outcome_unknown'] as const)(
    'after %s takes nothing from the queue and holds what it has, until the database answers',
    async (code) => {
      const { clock, database, decide, deliver, entered, fail, queue, warnings } = setup({
        attemptsMax: 1,
      });
      deliver('c1', 'c2', 'c3');
      database.isUp = false;
      await fail('c2', fault(code));
      await fail('c1', fault(code));
      deliver('c4');
      await clock.advance(60_000);
      expect(entered).toEqual(['c1', 'c2', 'c3']);
      expect([queue.calls, queue.settled]).toEqual([['pause'], []]);
      database.isUp = true;
      await clock.advance(1_000);
      expect(queue.calls).toEqual(['pause', 'resume']);
      // In their order again.
      expect(entered.slice(3)).toEqual(['c1', 'c2', 'c4']);
      for (const claimId of ['c1', 'c2', 'c3', 'c4']) await decide(claimId);
      expect(queue.dispositions).toEqual(['c1 done', 'c2 done', 'c3 done', 'c4 done']);
      expect(warnings).toHaveLength(2);
    },
  );

  it('leaves the consumers alone where the database answers, as after the lock of one coupon', async () => {
    const { clock, decide, deliver, entered, fail, queue } = setup({ attemptsMax: 1 });
    deliver('c1', 'c2');
    await fail('c1', fault('unavailable'));
    await clock.advance(100);
    expect(entered).toEqual(['c1', 'c2', 'c1']);
    await decide('c1');
    expect([queue.calls, queue.dispositions]).toEqual([[], ['c1 done']]);
  });

  it('waits longer after each failure in a row, up to a second', async () => {
    const { clock, deliver, entered, fail } = setup();
    deliver('c1');
    for (let failures = 0; failures < 8; failures += 1) {
      await fail('c1', fault('overloaded'));
      await clock.advance(1_010);
    }
    expect(entered).toHaveLength(9);
    await fail('c1', fault('overloaded'));
    await clock.advance(900);
    expect(entered).toHaveLength(9);
  });

  it('lets claims of a coupon that stays locked make way, tries one of them now and then, and goes on', async () => {
    const { clock, decide, deliver, fail, queue } = setup({ room: 1, attemptsMax: 1 });
    deliver('c1', 'c2', 'c3', aQueuedClaim('d1', { couponName: 'OTHER' }));
    while (queue.settled.length === 0) {
      await fail('c1', fault('unavailable'));
      await clock.advance(1_010);
      expect(clock.nowMs()).toBeLessThan(60_000);
    }
    // The first one is tried once more, and the others make way meanwhile.
    await fail('c1', fault('unavailable'));
    expect(queue.settled).toEqual(
      ['c2', 'c3', 'c1'].map((id) => [
        ...[id, { kind: 'retry', attempts: 0, reason: 'its coupon is locked' }],
      ]),
    );
    await decide('d1');
    await clock.advance(1_000);
    deliver('c4', 'c5');
    await decide('c4');
    deliver('c6');
    await decide('c6');
    expect(queue.dispositions.slice(3)).toEqual(['d1 done', 'c5 retry', 'c4 done', 'c6 done']);
  });

  it('does not take an outage of the database for a lock', async () => {
    const { clock, database, deliver, fail, queue } = setup({ attemptsMax: 1 });
    for (let round = 0; round < 3; round += 1) {
      if (round === 0) deliver('c1');
      database.isUp = false;
      await fail('c1', fault('unavailable'));
      await clock.advance(30_000);
      database.isUp = true;
      await clock.advance(2_000);
    }
    expect(queue.settled).toEqual([]);
  });

  it('does not lose a ticket whose failure cannot be stored', async () => {
    const { clock, database, deliver, entered, fail, queue, store } = setup();
    deliver('c1');
    store.isAway = true;
    database.isUp = false;
    await fail('c1', invalid);
    expect([queue.calls, queue.settled]).toEqual([['pause'], []]);
    store.isAway = false;
    database.isUp = true;
    await clock.advance(1_000);
    expect(entered).toEqual(['c1', 'c1']);
    await fail('c1', invalid);
    expect(queue.dispositions).toEqual(['c1 done']);
  });
});

describe('a claim that cannot be decided', () => {
  it('fails with the problem where its values are not allowed', async () => {
    const { deliver, fail, noted, queue, resolved, store } = setup();
    deliver('c1');
    await fail('c1', invalid);
    const problem = { code: 'invalid_request', detail: invalid.detail, fields: invalid.fields };
    expect(store.results.get('c1')).toEqual({ state: 'failed', problem });
    expect(resolved).toEqual([['c1', { state: 'failed', problem }]]);
    expect([queue.dispositions, noted]).toEqual([['c1 done'], ['settled failed of LAUNCH']]);
  });

  it('gets the final state that is stored, where another one is', async () => {
    const { deliver, fail, resolved, store } = setup();
    store.results.set('c1', { state: 'expired' });
    deliver('c1');
    await fail('c1', invalid);
    expect(resolved).toEqual([['c1', { state: 'expired' }]]);
  });

  it.each([
    ['a rule of the database', refusedByRule, 'unavailable: the database refuses this claim'],
    [
      'a trigger',
      new AppError('unavailable', { detail: 'it', refusedByRule: true, cause: trigger }),
      'unavailable: it: no',
    ],
    ['a defect', fault('internal'), 'internal: it is internal'],
    ['an unexpected error', new TypeError('a bug'), 'internal'],
  ])(
    'is tried again later because of %s, and becomes a dead letter at the limit',
    async (_, error, reason) => {
      const { database, deliver, fail, noted, queue, warnings } = setup({ attemptsMax: 3 });
      for (const attempts of [0, 1, 2]) {
        deliver(aQueuedClaim(`c${attempts}`, { attempts }));
        await fail(`c${attempts}`, error);
      }
      expect(queue.settled).toEqual([
        ['c0', { kind: 'retry', attempts: 1, reason }],
        ['c1', { kind: 'retry', attempts: 2, reason }],
        ['c2', { kind: 'dead', reason }],
      ]);
      expect(noted).toEqual(['failed retry', 'failed retry', 'failed dead']);
      expect(warnings).toHaveLength(1);
      expect([database.isUp, queue.calls]).toEqual([true, []]);
    },
  );

  it('does not hold up those behind it', async () => {
    const { decide, deliver, fail, queue } = setup({ room: 1 });
    deliver('c1', 'c2');
    await fail('c1', fault('internal'));
    await decide('c2');
    expect(queue.dispositions).toEqual(['c1 retry', 'c2 done']);
  });
});

describe('a claim that consumers have left without an answer', () => {
  it('is decided the first times, and then tried again later before it can end this process too', async () => {
    const { decide, entered, noted, queue } = setup({ attemptsMax: 3 });
    queue.deliver(aQueuedClaim('c1'), 0, 2);
    await decide('c1');
    queue.deliver(aQueuedClaim('c2', { attempts: 1 }), 0, 3);
    queue.deliver(aQueuedClaim('c3', { attempts: 2 }), 0, 3);
    expect(entered).toEqual(['c1']);
    expect(queue.dispositions).toEqual(['c1 done', 'c2 retry', 'c3 dead']);
    expect(queue.settled[1]?.[1]).toMatchObject({ attempts: 2 });
    expect(noted.slice(1)).toEqual(['failed retry', 'failed dead']);
  });
});

describe('a claim that is delivered twice', () => {
  it('enters its lane again only after the first delivery has left it', async () => {
    const { clock, decide, deliver, entered, queue, resolved } = setup();
    deliver('c1', 'c1', 'c2');
    expect(entered).toEqual(['c1']);
    await decide('c1', { outcome: 'paused' });
    expect(entered).toEqual(['c1', 'c1', 'c2']);
    await decide('c1', { outcome: 'paused' });
    expect(queue.dispositions).toEqual(['c1 done', 'c1 done']);
    expect(resolved).toHaveLength(2);
    await clock.advance(100);
    expect(entered).toHaveLength(3);
  });

  it('waits in whatever partition the second delivery comes', async () => {
    const { clock, decide, deliver, entered, queue } = setup();
    deliver('c1');
    queue.deliver(aQueuedClaim('c1'), 4);
    await decide('c1');
    expect(entered).toEqual(['c1']);
    await clock.advance(10);
    expect(entered).toEqual(['c1', 'c1']);
  });
});

describe('a consumer that stops', () => {
  it('takes nothing more, settles what is decided, and leaves the rest to the queue', async () => {
    const { clock, decide, deliver, entered, fail, queue, consumer } = setup({ room: 2 });
    deliver('c1', 'c2', 'c3');
    let isStopped = false;
    void consumer.stop().then(() => {
      isStopped = true;
    });
    deliver('c4');
    await decide('c1');
    expect([queue.calls, isStopped]).toEqual([['pause'], false]);
    await fail('c2', fault('unavailable'));
    await clock.advance(5_000);
    expect([entered, isStopped]).toEqual([['c1', 'c2'], true]);
    expect(queue.dispositions).toEqual(['c1 done']);
  });

  it('stops at once where nothing is in a lane, and while the database is away', async () => {
    const { clock, database, deliver, fail, queue, consumer } = setup();
    deliver('c1');
    database.isUp = false;
    await fail('c1', fault('unavailable'));
    await consumer.stop();
    database.isUp = true;
    await clock.advance(5_000);
    expect(queue.calls).toEqual(['pause', 'pause']);
    expect([queue.settled, clock.pending]).toEqual([[], 0]);
  });
});

describe('the depth of a consumer', () => {
  it('has the time of the oldest claim that is not decided, in a lane or not', async () => {
    const { decide, deliver, consumer } = setup({ room: 1 });
    expect(consumer.depth()).toEqual({ held: 0, underWay: 0, oldestAcceptedAtMs: undefined });
    deliver(
      { ...aQueuedClaim('c1'), acceptedAtMs: 10 },
      { ...aQueuedClaim('c2'), acceptedAtMs: 20 },
    );
    expect(consumer.depth()).toEqual({ held: 1, underWay: 1, oldestAcceptedAtMs: 10 });
    await decide('c1');
    expect(consumer.depth()).toEqual({ held: 0, underWay: 1, oldestAcceptedAtMs: 20 });
    await decide('c2');
    expect(consumer.depth()).toEqual({ held: 0, underWay: 0, oldestAcceptedAtMs: undefined });
  });

  it('has the oldest claim of all partitions where none is in a lane', () => {
    const { queue, consumer } = setup({ room: 0 });
    queue.deliver({ ...aQueuedClaim('c1'), acceptedAtMs: 20 }, 1);
    queue.deliver({ ...aQueuedClaim('c2'), acceptedAtMs: 10 }, 2);
    expect(consumer.depth()).toEqual({ held: 2, underWay: 0, oldestAcceptedAtMs: 10 });
  });
});
