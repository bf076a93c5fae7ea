// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { FakeClaimQueue } from '../../../test/support/fake-claim-queue.ts';
import {
  FakeDatabaseClock,
  FakeTicketResults,
  FakeTicketStore,
  fakeTicketIds,
  noteTicketMetrics,
} from '../../../test/support/fake-tickets.ts';
import { FixedClock, flushPromises } from '../../../test/support/fixed-clock.ts';
import type { AppError } from '../errors.ts';
import { acceptClaimWith } from './accept-claim.ts';
import type { TicketResult } from './ticket.ts';
import { TicketWaiters } from './ticket-waiters.ts';

const soldOut: TicketResult = { state: 'decided', outcome: { outcome: 'sold_out' } };

function setup({ waitingMax = 10 } = {}) {
  const clock = new FixedClock();
  const queue = new FakeClaimQueue();
  const results = new FakeTicketResults();
  const databaseClock = new FakeDatabaseClock();
  const { metrics, noted } = noteTicketMetrics();
  const waiters = new TicketWaiters({ store: new FakeTicketStore(), clock, metrics });
  const decided: string[] = [];
  const accept = acceptClaimWith({
    ...{ queue, results, ids: fakeTicketIds, databaseClock, waiters, metrics, waitingMax },
    traceParent: () => 'trace-1',
    onDecided: (couponName, outcome) => decided.push(`${couponName} ${outcome}`),
  });
  const answers: unknown[] = [];
  const claim = (claimId: string, waitMs?: number) => {
    accept({
      ...{ couponName: 'LAUNCH', userId: 'ada', idempotencyKey: 'key-1', claimId, waitMs },
    }).then(
      (answer) => answers.push(answer),
      ({ code, detail, claimId: id, ticketId, fields, isOfTicket }: AppError) =>
        answers.push({ code, detail, claimId: id, ticketId, fields, isOfTicket }),
    );
    return flushPromises();
  };
  const confirm = (result: Parameters<typeof queue.answer>[0] = 'confirmed') => {
    queue.answer(result);
    return flushPromises();
  };
  const resolve = (claimId: string, result: TicketResult) => {
    waiters.resolve(claimId, result);
    return flushPromises();
  };
  return {
    ...{ clock, queue, results, databaseClock, waiters, noted, decided, answers },
    ...{ claim, confirm, resolve },
  };
}

const ticketOf = (claimId: string) => ({
  ...{ outcome: 'accepted', ticketId: `ticket-${claimId}-1000-ada` },
});

describe('the acceptance of a claim', () => {
  it('publishes the claim with the time of its acceptance by the clock of the database', async () => {
    const { claim, queue } = setup();
    await claim('c1', 5_000);
    expect(queue.published).toEqual([
      {
        ...{ claimId: 'c1', couponName: 'LAUNCH', userId: 'ada', idempotencyKey: 'key-1' },
        ...{ acceptedAtMs: 1_000, attempts: 0, replyTo: 'node-1', traceParent: 'trace-1' },
      },
    ]);
  });

  it('answers with the decision that arrives within the wait', async () => {
    const { answers, claim, confirm, decided, noted, resolve } = setup();
    await claim('c1', 5_000);
    await confirm();
    expect(answers).toEqual([]);
    await resolve('c1', soldOut);
    expect(answers).toEqual([{ outcome: 'sold_out', isOfTicket: true }]);
    expect(decided).toEqual(['LAUNCH sold_out']);
    expect(noted).toEqual(['accepted', 'ended decided']);
  });

  it('answers with a decision that arrives before the confirm', async () => {
    const { answers, claim, confirm, resolve } = setup();
    await claim('c1', 5_000);
    await resolve('c1', soldOut);
    expect(answers).toEqual([{ outcome: 'sold_out', isOfTicket: true }]);
    await confirm('unknown');
    expect(answers).toHaveLength(1);
  });

  it('answers with the ticket when the wait is over', async () => {
    const { answers, claim, clock, confirm, noted } = setup();
    await claim('c1', 5_000);
    await confirm();
    await clock.advance(4_999);
    expect(answers).toEqual([]);
    await clock.advance(51);
    expect(answers).toEqual([ticketOf('c1')]);
    expect(noted).toEqual(['accepted', 'ended accepted']);
  });

  it('never answers with the ticket before the queue has confirmed the claim', async () => {
    const { answers, claim, clock, confirm } = setup();
    await claim('c1', 1_000);
    await clock.advance(2_000);
    expect(answers).toEqual([]);
    await confirm();
    expect(answers).toEqual([ticketOf('c1')]);
  });

  it('without a wait answers with the ticket once the queue has confirmed, and expects no reply', async () => {
    const { answers, claim, confirm, queue, waiters } = setup();
    await claim('c1', 0);
    expect([answers, waiters.waiting]).toEqual([[], 0]);
    await confirm();
    expect(answers).toEqual([ticketOf('c1')]);
    expect(queue.published[0]?.replyTo).toBeUndefined();
  });

  it('answers a ticket that has expired within the wait with overloaded', async () => {
    const { answers, claim, confirm, decided, resolve } = setup();
    await claim('c1', 5_000);
    await confirm();
    await resolve('c1', { state: 'expired' });
    expect(answers).toMatchObject([
      { code: 'overloaded', detail: 'the claim was not decided in time', isOfTicket: true },
    ]);
    expect(decided).toEqual([]);
  });

  it('answers a ticket that has failed with its problem', async () => {
    const { answers, claim, confirm, resolve } = setup();
    await claim('c1', 5_000);
    await confirm();
    const fields = [{ field: 'user_id', message: 'must be another one' }];
    const problem = { code: 'invalid_request', detail: 'not allowed', fields } as const;
    await resolve('c1', { state: 'failed', problem });
    expect(answers).toMatchObject([{ ...problem, isOfTicket: true }]);
  });

  it.each([
    ['full', 'overloaded'],
    ['away', 'unavailable'],
  ] as const)(
    'refuses a claim where the queue is %s as %s, before and after the publication',
    async (refusal, code) => {
      const { answers, claim, confirm, noted, queue, waiters } = setup();
      await claim('c1', 5_000);
      await confirm(refusal);
      queue.refusesAs = refusal;
      await claim('c2', 5_000);
      expect(answers).toMatchObject([{ code }, { code }]);
      expect(queue.published).toHaveLength(1);
      expect([noted, waiters.waiting]).toEqual([[`refused ${refusal}`, `refused ${refusal}`], 0]);
    },
  );

  it('answers a claim that was neither confirmed nor decided with outcome_unknown, its claim id and its ticket', async () => {
    const { answers, claim, clock, confirm, waiters } = setup();
    await claim('c1', 5_000);
    await confirm('unknown');
    // It may be in the queue, and its decision may come.
    expect(answers).toEqual([]);
    await clock.advance(5_050);
    expect(answers).toMatchObject([
      { code: 'outcome_unknown', claimId: 'c1', ticketId: 'ticket-c1-1000-ada' },
    ]);
    expect(waiters.waiting).toBe(0);
  });

  it('without a wait answers a claim that was not confirmed with outcome_unknown at once', async () => {
    const { answers, claim, confirm } = setup();
    await claim('c1', 0);
    await confirm('unknown');
    expect(answers).toMatchObject([{ code: 'outcome_unknown', ticketId: 'ticket-c1-1000-ada' }]);
  });

  it('answers a claim that was decided although it was not confirmed', async () => {
    const { answers, claim, confirm, resolve } = setup();
    await claim('c1', 5_000);
    await confirm('unknown');
    await resolve('c1', soldOut);
    expect(answers).toEqual([{ outcome: 'sold_out', isOfTicket: true }]);
  });

  it('measures the clock of the database where it is not known', async () => {
    const { claim, databaseClock, queue } = setup();
    databaseClock.ms = undefined;
    databaseClock.measuredMs = 7_000;
    await claim('c1', 0);
    expect(queue.published[0]?.acceptedAtMs).toBe(7_000);
  });

  it('refuses a claim where the clock of the database cannot be measured', async () => {
    const { answers, claim, databaseClock, queue } = setup();
    databaseClock.ms = undefined;
    databaseClock.measuredMs = undefined;
    await claim('c1', 0);
    expect(answers).toMatchObject([{ code: 'unavailable' }]);
    expect(queue.published).toEqual([]);
  });

  it('refuses claims beyond the limit of those that are not answered, and takes further ones after an answer', async () => {
    const { answers, claim, confirm, queue, resolve } = setup({ waitingMax: 2 });
    await claim('c1', 5_000);
    await claim('c2', 5_000);
    await claim('c3', 5_000);
    expect(answers).toMatchObject([{ code: 'overloaded', detail: 'too many claims are waiting' }]);
    await confirm();
    await resolve('c1', soldOut);
    await claim('c4', 5_000);
    expect(queue.published.map(({ claimId }) => claimId)).toEqual(['c1', 'c2', 'c4']);
  });

  it('answers all waits with tickets when the process drains, and later claims at once', async () => {
    const { answers, claim, confirm, waiters } = setup();
    await claim('c1', 5_000);
    await confirm();
    waiters.endAll();
    await claim('c2', 5_000);
    await confirm();
    expect(answers).toEqual([ticketOf('c1'), ticketOf('c2')]);
  });
});
