// SPDX-License-Identifier: GPL-3.0-or-later
import { backoffMs } from '../backoff.ts';
import type { SagaStep } from './definition.ts';
import { attention, type Change, type Place, stay } from './next-move.ts';
import type { CallAnswer } from './ports.ts';
import type { StepState } from './saga.ts';

/** What a call was: the step by its number, the failed calls before it, and whether there may have been others. */
type Called = Pick<Place, 'attempts' | 'mayBeRun'> & { number: number; step: SagaStep };

const backoffMsMax = 30_000;
const retryAfterMsMax = 5 * 60 * 1_000;

/** The wait after failed calls: doubles each time, up to 30 s, and not before a `Retry-After` of up to five minutes. */
export function waitMs(
  failures: number,
  firstMs: number,
  random: () => number,
  retryAfterSeconds = 0,
): number {
  const askedMs = Math.min(retryAfterSeconds * 1_000, retryAfterMsMax);
  return Math.max(backoffMs(failures, firstMs, backoffMsMax, random), askedMs);
}

/**
 * How a saga goes on after a step was run. Without a definite answer it is run again, and the deadline is not slept through
 * where it has the step undone; after the last attempt it is undone like one that was done.
 */
export function afterRun(
  called: Called,
  answer: CallAnswer,
  now: { msToDeadline: number; random(): number },
): Change {
  const { number, step, attempts } = called;
  const calls = attempts + 1;
  const ended = (state: StepState | 'pending') => stepAfter(called, state, answer);
  if (answer.kind === 'done') {
    const next = { isUndoing: false, step: number + 1, attempts: 0 };
    return { ...stay(next, 0), step: ended('done') };
  }
  if (answer.kind === 'declined') {
    const cause = `step ${step.name} was declined: ${answer.error}`;
    // A proxy may have declined it, which knows nothing of the calls before. The undo of nothing is safe.
    const isUndone = called.mayBeRun && step.undoPath !== null;
    const undone = { isUndoing: true, step: isUndone ? number : number - 1, attempts: 0 };
    return { ...stay(undone, 0), step: ended('declined'), cause };
  }
  if (calls < step.attemptsMax) {
    const waitedMs = waitMs(calls, step.backoffMs, now.random, answer.retryAfterSeconds);
    const wakeInMs = step.undoPath === null ? waitedMs : Math.min(waitedMs, now.msToDeadline);
    const dueInMs = Math.max(1, wakeInMs);
    const same = { isUndoing: false, step: number, attempts: calls };
    return { ...stay(same, dueInMs), step: ended('pending') };
  }
  const cause = `step ${step.name} has no known outcome after ${calls} calls: ${answer.error}`;
  const place = { step: number, attempts: step.undoPath === null ? calls : 0 };
  const change =
    step.undoPath === null
      ? attention({ ...place, isUndoing: false }, cause)
      : { ...stay({ ...place, isUndoing: true }, 0), cause };
  return { ...change, step: ended('unknown') };
}

/** How a saga goes on after a step was undone. Anything but success is asked again, up to the last attempt. */
export function afterUndo(called: Called, answer: CallAnswer, random: () => number): Change {
  const { number, step, attempts } = called;
  const calls = attempts + 1;
  const ended = (state: StepState | 'pending') => stepAfter(called, state, answer);
  if (answer.kind === 'done') {
    const before = { isUndoing: true, step: number - 1, attempts: 0 };
    return { ...stay(before, 0), step: ended('undone') };
  }
  const same = { isUndoing: true, step: number, attempts: calls };
  if (calls < step.undoAttemptsMax) {
    const asked = answer.kind === 'unknown' ? answer.retryAfterSeconds : undefined;
    const dueInMs = Math.max(1, waitMs(calls, step.backoffMs, random, asked));
    return { ...stay(same, dueInMs), step: ended('pending') };
  }
  const cause = `step ${step.name} could not be undone in ${calls} calls: ${answer.error}`;
  return { ...attention(same, cause), step: ended('unknown') };
}

function stepAfter(
  { number, attempts }: Pick<Called, 'number' | 'attempts'>,
  state: StepState | 'pending',
  answer: CallAnswer,
): Change['step'] {
  const error = answer.kind === 'done' ? null : answer.error;
  return { number, state, attempts: attempts + 1, status: answer.status, error };
}
