// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import type { DueDelivery, ReceiverState, SendAnswer } from './ports.ts';
import { receiverAfter, resultOf } from './retry-policy.ts';

const recordedAt = '2030-01-31T18:00:00.000000Z';
const hour = 3_600_000;

const delivery = (attempts: number): DueDelivery => ({
  event: {
    ...{ couponId: '7', seq: '5', n: 2, eventId: 'evt', type: 'coupon.opened', at: recordedAt },
    data: { couponName: 'flash', amount: 1, remainingAmount: 1, state: 'open' },
  },
  ...{ attempts, recordedAt, firstDueAt: recordedAt },
});

const answered = (status: number, retryAfterSeconds?: number): SendAnswer => ({
  ...{ kind: 'answered', status, retryAfterSeconds },
});
const failed: SendAnswer = { kind: 'failed', error: 'the request failed', isForbidden: false };

/** The result of the attempt after `attempts` others, `ageMs` after the change. */
const resultAfter = (attempts: number, answer: SendAnswer, ageMs = 0, random = 1) =>
  resultOf(delivery(attempts), answer, {
    epochMs: Date.parse(recordedAt) + ageMs,
    random: () => random,
  });

describe('a delivery', () => {
  it.each([200, 201, 202, 204, 299])('is delivered by the status %d', (status) => {
    const place = { couponId: '7', seq: '5', n: 2 };
    const expected = { ...place, state: 'delivered', dueInMs: 0, status, error: null };
    expect(resultAfter(0, answered(status))).toEqual(expected);
    // Also long after the change, and whatever else the receiver asks for.
    expect(resultAfter(9, answered(status, 60), 100 * hour)).toEqual(expected);
  });

  it.each([100, 199, 300, 301, 304, 400, 404, 408, 409, 425, 429, 500, 503, 599, 0])(
    'is sent again after the status %d',
    (status) => {
      expect(resultAfter(0, answered(status))).toMatchObject({
        ...{ state: 'pending', status, error: `the receiver answered ${status}` },
      });
    },
  );

  it('is sent again after a request that failed', () => {
    const expected = { state: 'pending', status: null, error: 'the request failed' };
    expect(resultAfter(0, failed)).toMatchObject(expected);
  });

  it.each([
    [0, 2_500, 5_000],
    [1, 5_000, 10_000],
    [2, 10_000, 20_000],
    [5, 80_000, 160_000],
    [9, 1_280_000, 2_560_000],
    [10, hour / 2, hour],
    [11, hour / 2, hour],
    [1_000, hour / 2, hour],
  ])(
    'waits after %d earlier attempts at least %d ms and at most %d ms',
    (attempts, least, most) => {
      expect(resultAfter(attempts, failed, 0, 0).dueInMs).toBe(least);
      expect(resultAfter(attempts, failed, 0, 1).dueInMs).toBe(most);
    },
  );

  it.each([
    [0, 5_000],
    [3, 5_000],
    [60, 60_000],
    [6 * 3_600, 6 * hour],
    [7 * 3_600, 6 * hour],
    [Number.POSITIVE_INFINITY, 6 * hour],
  ])('waits after a Retry-After of %d s for %d ms', (seconds, ms) => {
    for (const status of [302, 429, 500, 503]) {
      expect(resultAfter(0, answered(status, seconds)).dueInMs).toBe(ms);
    }
  });

  it.each([
    [
      'a second before 24 hours have passed, is sent once more',
      24 * hour - 1_000,
      'pending',
      1_000,
    ],
    ['half an hour before that, is sent at 24 hours', 23.5 * hour, 'pending', hour / 2],
    ['two hours before that, is sent after an hour', 22 * hour, 'pending', hour],
    ['after 24 hours, is given up', 24 * hour, 'given_up', 0],
    ['after 30 hours, is given up', 30 * hour, 'given_up', 0],
  ])('that fails %s', (_, ageMs, state, dueInMs) => {
    expect(resultAfter(40, failed, ageMs)).toMatchObject({ state, dueInMs });
  });

  it('is not given up by a Retry-After that reaches beyond 24 hours, and waits for it', () => {
    const expected = { state: 'pending', dueInMs: 6 * hour };
    expect(resultAfter(9, answered(503, 7 * 3_600), 23 * hour)).toMatchObject(expected);
  });

  it('is given up by the status 410', () => {
    expect(resultAfter(0, answered(410, 60))).toMatchObject({ state: 'given_up', status: 410 });
  });
});

describe('a receiver', () => {
  const state = (failuresInARow: number, waitsMs = 0): ReceiverState => ({
    ...{ failuresInARow, waitsMs, disabledReason: undefined },
  });

  it.each([
    [0, 0],
    [3, 0],
    [4, 1_000],
    [5, 2_000],
    [6, 4_000],
    [11, 128_000],
    [13, 300_000],
    [1_000, 300_000],
  ])('that has failed %d times in a row rests after the next failure for %d ms', (before, ms) => {
    for (const answer of [failed, answered(500), answered(302)]) {
      expect(receiverAfter(state(before), answer, () => 1)).toEqual(state(before + 1, ms));
      expect(receiverAfter(state(before), answer, () => 0)).toEqual(state(before + 1, ms / 2));
    }
  });

  it('that delivers has failed no times in a row', () => {
    expect(receiverAfter(state(9), answered(204, 60), () => 1)).toEqual(state(0));
  });

  it('rests no longer because of requests that were under way when its rest began', () => {
    let receiver = state(4);
    for (let n = 0; n < 32; n += 1) receiver = receiverAfter(receiver, failed, () => 1);
    expect(receiver).toEqual(state(5, 1_000));
  });

  it.each([
    [60, 60_000],
    [7 * 3_600, 6 * hour],
  ])('rests for its Retry-After of %d s, but for 6 hours at most', (seconds, ms) => {
    expect(receiverAfter(state(0), answered(429, seconds), () => 1)).toEqual(state(1, ms));
    // The longest of all counts, also when a request that was under way succeeds.
    expect(receiverAfter(state(1, ms), answered(429, 1), () => 1).waitsMs).toBe(ms);
    expect(receiverAfter(state(1, ms), answered(200), () => 1).waitsMs).toBe(ms);
    expect(receiverAfter(state(1, 5), answered(429, seconds), () => 1).waitsMs).toBe(ms);
  });

  it('that answers 410 is disabled, and stays so', () => {
    const gone = receiverAfter(state(0), answered(410), () => 1);
    expect(gone.disabledReason).toBe('the receiver answered 410');
    for (const answer of [answered(200), answered(500), failed]) {
      expect(receiverAfter(gone, answer, () => 1).disabledReason).toBe(gone.disabledReason);
    }
  });
});
