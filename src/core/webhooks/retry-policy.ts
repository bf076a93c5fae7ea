// SPDX-License-Identifier: GPL-3.0-or-later
import { backoffMs } from '../backoff.ts';
import type { DeliveryResult, DueDelivery, ReceiverState, SendAnswer } from './ports.ts';

/** How long an event is sent again, from its change or from when an operator last asked for it. */
export const giveUpAfterMs = 24 * 60 * 60 * 1_000;
const firstRetryMs = 5_000;
const retryMsMax = 60 * 60 * 1_000;
// A receiver that fails so often in a row is given a rest, whatever is due. It is tried with one event then.
const failuresBeforeRest = 5;
const firstRestMs = 1_000;
const restMsMax = 5 * 60 * 1_000;
// A receiver may ask for more time, but not for so much that its events are given up.
const retryAfterMsMax = 6 * 60 * 60 * 1_000;

function retryAfterMs(answer: SendAnswer): number {
  if (answer.kind !== 'answered' || answer.retryAfterSeconds === undefined) return 0;
  return Math.min(answer.retryAfterSeconds * 1_000, retryAfterMsMax);
}

const isDelivered = (answer: SendAnswer) =>
  answer.kind === 'answered' && answer.status >= 200 && answer.status < 300;

/**
 * What becomes of a delivery after an attempt. Only a status of 200 to 299 delivers it. Otherwise it is sent again: 5 s later
 * at first, twice as long each time, up to an hour, and not before a `Retry-After`. The last attempt is 24 hours after the
 * change, or later where a `Retry-After` or the rest of the receiver has moved it.
 */
export function resultOf(
  { event: { couponId, seq, n }, attempts, recordedAt }: DueDelivery,
  answer: SendAnswer,
  now: { epochMs: number; random(): number },
): DeliveryResult {
  const status = answer.kind === 'answered' ? answer.status : null;
  if (isDelivered(answer)) {
    return { couponId, seq, n, status, state: 'delivered', dueInMs: 0, error: null };
  }
  const place = { couponId, seq, n, status };
  const error = answer.kind === 'answered' ? `the receiver answered ${status}` : answer.error;
  const remainingMs = Date.parse(recordedAt) + giveUpAfterMs - now.epochMs;
  if (remainingMs <= 0 || status === 410) {
    return { ...place, state: 'given_up', dueInMs: 0, error };
  }
  const waitMs = backoffMs(attempts + 1, firstRetryMs, retryMsMax, now.random);
  const dueInMs = Math.max(Math.min(waitMs, remainingMs), retryAfterMs(answer));
  return { ...place, state: 'pending', dueInMs, error };
}

/** What becomes of a receiver after one more answer. 410 means that it wants no more: RFC 9110, 15.5.11. */
export function receiverAfter(
  before: ReceiverState,
  answer: SendAnswer,
  random: () => number,
): ReceiverState {
  if (isDelivered(answer)) {
    return before.failuresInARow === 0 ? before : { ...before, failuresInARow: 0 };
  }
  // Requests that were under way when the rest began make it no longer.
  const failuresInARow = before.failuresInARow + (before.waitsMs > 0 ? 0 : 1);
  const restMs =
    failuresInARow < failuresBeforeRest
      ? 0
      : backoffMs(failuresInARow - failuresBeforeRest + 1, firstRestMs, restMsMax, random);
  const isGone = answer.kind === 'answered' && answer.status === 410;
  return {
    failuresInARow,
    waitsMs: Math.max(before.waitsMs, restMs, retryAfterMs(answer)),
    disabledReason: before.disabledReason ?? (isGone ? 'the receiver answered 410' : undefined),
  };
}
