// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { noteTicketMetrics } from '../../../test/support/fake-tickets.ts';
import { bucketOf } from './answer-times.ts';
import { OutcomeCounts, unreadName } from './outcome-counts.ts';

function setup(couponsMax = 4) {
  const counts = new OutcomeCounts(couponsMax);
  const passed: unknown[] = [];
  const metrics = counts.counting({
    answered: (...answer) => void passed.push(answer),
    refusedEarly: (...refusal) => void passed.push(refusal),
  });
  return { counts, metrics, passed };
}

describe('counts of outcomes', () => {
  it('are by coupon, outcome and time, and begin anew after they are taken', () => {
    const { counts, metrics, passed } = setup();
    metrics.answered('claimed', 0.004, 'A');
    metrics.answered('claimed', 0.004, 'A');
    metrics.answered('sold_out', 0.001, 'A');
    metrics.answered('overloaded', 0, 'B');
    metrics.refusedEarly('rate_limited', 'B');
    metrics.refusedEarly('invalid_request');
    const times = Array(bucketOf(4)).fill(0);
    expect(counts.take()).toEqual({
      coupons: [
        {
          couponName: 'A',
          outcomes: { claimed: 2, sold_out: 1 },
          times: [1, ...times.slice(1), 2],
        },
        { couponName: 'B', outcomes: { overloaded: 1, rate_limited: 1 }, times: [1] },
        { couponName: unreadName, outcomes: { invalid_request: 1 }, times: [] },
      ],
      isComplete: true,
    });
    expect(counts.take()).toEqual({ coupons: [], isComplete: true });
    expect(passed).toHaveLength(6);
  });

  it('have each ticket once, where it is settled, and the time of the answer where its caller waits', () => {
    const [accepting, deciding] = [setup(), setup()];
    const { metrics, noted } = noteTicketMetrics();
    const tickets = deciding.counts.countingTickets(metrics);
    tickets.settled({ state: 'decided', outcome: { outcome: 'sold_out' } }, 'A');
    accepting.metrics.answered('sold_out', 0.004, 'A', true);
    accepting.metrics.answered('overloaded', 0.001, 'A', true);
    expect(accepting.passed).toContainEqual(['sold_out', 0.004, 'A', true]);
    tickets.settled({ state: 'expired' }, 'A');
    const problem = { code: 'invalid_request', detail: 'too long' } as const;
    tickets.settled({ state: 'failed', problem }, 'A');
    const outcomes = { sold_out: 1, overloaded: 1, invalid_request: 1 };
    expect(deciding.counts.take().coupons).toEqual([{ couponName: 'A', outcomes, times: [] }]);
    const [answered] = accepting.counts.take().coupons;
    expect(answered).toMatchObject({ couponName: 'A', outcomes: {} });
    expect(answered?.times.reduce((sum, count) => sum + count)).toBe(2);
    expect(noted).toEqual(['settled sold_out of A', 'settled expired of A', 'settled failed of A']);
  });

  it('leave out names that are no coupons', () => {
    const { counts, metrics } = setup();
    metrics.answered('coupon_not_found', 0, 'never');
    expect(counts.take().coupons).toEqual([]);
  });

  it('say that they are not complete when there are more coupons than slots', () => {
    const { counts, metrics } = setup(2);
    for (const name of ['A', 'B', 'C']) metrics.answered('claimed', 0, name);
    const { coupons, isComplete } = counts.take();
    expect([coupons.map(({ couponName }) => couponName), isComplete]).toEqual([['A', 'B'], false]);
    // A and B have had no claims since, so their slots are free.
    expect(counts.take().isComplete).toBe(true);
    metrics.answered('claimed', 0, 'C');
    expect(counts.take()).toMatchObject({ coupons: [{ couponName: 'C' }], isComplete: true });
  });

  it('have coupons whose stock changed, in up to half of the slots, and are complete without the others', () => {
    const { counts, metrics } = setup(4);
    for (const name of ['A', 'B', 'C']) counts.stockChanged(name);
    metrics.answered('claimed', 0, 'D');
    metrics.answered('claimed', 0, 'E');
    counts.stockChanged('D');
    const { coupons, isComplete } = counts.take();
    expect(coupons.map(({ couponName, outcomes }) => [couponName, outcomes])).toEqual([
      ['A', {}],
      ['B', {}],
      ['D', { claimed: 1 }],
      ['E', { claimed: 1 }],
    ]);
    expect(isComplete).toBe(true);
    counts.stockChanged('A');
    expect(counts.take().coupons).toEqual([{ couponName: 'A', outcomes: {}, times: [] }]);
  });

  it('keep slots for coupons that exist, whatever names refused claims have', () => {
    const { counts, metrics } = setup(4);
    for (let n = 0; n < 100; n += 1) metrics.refusedEarly('rate_limited', `made up ${n}`);
    metrics.answered('claimed', 0, 'A');
    metrics.answered('sold_out', 0, 'B');
    const names = counts.take().coupons.map(({ couponName }) => couponName);
    expect(names).toEqual(['made up 0', 'made up 1', 'A', 'B']);
  });
});
