// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { stepOf } from '../../../test/support/saga-model.ts';
import { afterRun, afterUndo, waitMs } from './after-call.ts';
import type { CallAnswer } from './ports.ts';

const step = stepOf('pay');
const done: CallAnswer = { kind: 'done', status: 201 };
const declined: CallAnswer = { kind: 'declined', status: 422, error: 'no money' };
const lost: CallAnswer = {
  ...{ kind: 'unknown', status: null, error: 'no answer' },
  retryAfterSeconds: undefined,
};
const busy: CallAnswer = { ...lost, status: 503, retryAfterSeconds: 7 };
const now = { msToDeadline: 60_000, random: () => 1 };
const calledAt = (attempts: number, changes = {}) => {
  return { number: 2, step: { ...step, ...changes }, attempts, mayBeRun: attempts > 0 };
};

describe('after a step was run', () => {
  it('the next one follows', () => {
    expect(afterRun(calledAt(1), done, now)).toEqual({
      step: { number: 2, state: 'done', attempts: 2, status: 201, error: null },
      ...{ state: 'running', isUndoing: false, nextStep: 3, attempts: 0, dueInMs: 0, cause: null },
    });
  });

  it('the steps before it are undone where it was declined', () => {
    expect(afterRun(calledAt(0), declined, now)).toEqual({
      step: { number: 2, state: 'declined', attempts: 1, status: 422, error: 'no money' },
      ...{ state: 'compensating', isUndoing: true, nextStep: 1, attempts: 0, dueInMs: 0 },
      cause: 'step pay was declined: no money',
    });
  });

  it('it is undone too where it was declined after a call whose outcome is not known', () => {
    expect(afterRun(calledAt(1), declined, now)).toMatchObject({
      step: { number: 2, state: 'declined', attempts: 2, status: 422 },
      ...{ state: 'compensating', isUndoing: true, nextStep: 2, attempts: 0, dueInMs: 0 },
    });
    // One that cannot be undone was not done, as its participant says.
    expect(afterRun(calledAt(1, { undoPath: null }), declined, now)).toMatchObject({ nextStep: 1 });
  });

  it('it is run again where no answer says what became of it, at the deadline at the latest', () => {
    expect(afterRun(calledAt(1), lost, now)).toEqual({
      step: { number: 2, state: 'pending', attempts: 2, status: null, error: 'no answer' },
      ...{ state: 'running', isUndoing: false, nextStep: 2, attempts: 2, dueInMs: 400 },
      cause: null,
    });
    expect(afterRun(calledAt(0), busy, now)).toMatchObject({ dueInMs: 7_000 });
    expect(afterRun(calledAt(0), busy, { ...now, msToDeadline: 90 })).toMatchObject({
      dueInMs: 90,
    });
    const late = { ...now, msToDeadline: -9 };
    expect(afterRun(calledAt(0), busy, late)).toMatchObject({ dueInMs: 1 });
    // The deadline does not end the calls of a step that cannot be undone.
    expect(afterRun(calledAt(0, { undoPath: null }), busy, late)).toMatchObject({ dueInMs: 7_000 });
  });

  it('it is undone itself after its last attempt without an answer', () => {
    expect(afterRun(calledAt(2), lost, now)).toEqual({
      step: { number: 2, state: 'unknown', attempts: 3, status: null, error: 'no answer' },
      ...{ state: 'compensating', isUndoing: true, nextStep: 2, attempts: 0, dueInMs: 0 },
      cause: 'step pay has no known outcome after 3 calls: no answer',
    });
  });

  it('an operator decides after its last attempt where it cannot be undone', () => {
    expect(afterRun(calledAt(2, { undoPath: null }), lost, now)).toMatchObject({
      step: { number: 2, state: 'unknown', attempts: 3 },
      ...{ state: 'needs_attention', isUndoing: false, nextStep: 2, dueInMs: 0 },
    });
  });
});

describe('after a step was undone', () => {
  it('the one before it follows', () => {
    expect(afterUndo(calledAt(1), done, now.random)).toEqual({
      step: { number: 2, state: 'undone', attempts: 2, status: 201, error: null },
      ...{ state: 'compensating', isUndoing: true, nextStep: 1, attempts: 0, dueInMs: 0 },
      cause: null,
    });
  });

  it.each([lost, busy, declined])('anything but success is asked again: %j', (answer) => {
    expect(afterUndo(calledAt(0), answer, now.random)).toMatchObject({
      step: { number: 2, state: 'pending', attempts: 1, error: expect.any(String) },
      ...{ state: 'compensating', isUndoing: true, nextStep: 2, attempts: 1 },
      dueInMs: answer === busy ? 7_000 : 200,
    });
  });

  it('an operator decides after its last attempt', () => {
    expect(afterUndo(calledAt(2), declined, now.random)).toEqual({
      step: { number: 2, state: 'unknown', attempts: 3, status: 422, error: 'no money' },
      ...{ state: 'needs_attention', isUndoing: true, nextStep: 2, attempts: 3, dueInMs: 0 },
      cause: 'step pay could not be undone in 3 calls: no money',
    });
  });
});

describe('the wait after failed calls', () => {
  it('doubles up to 30 s, with jitter in its upper half', () => {
    const waits = (random: number) =>
      [1, 2, 3, 8, 9, 90].map((failures) => waitMs(failures, 200, () => random));
    expect(waits(1)).toEqual([200, 400, 800, 25_600, 30_000, 30_000]);
    expect(waits(0)).toEqual([100, 200, 400, 12_800, 15_000, 15_000]);
  });

  it('is as long as a participant asks for, up to five minutes', () => {
    expect(waitMs(1, 200, () => 1, 60)).toBe(60_000);
    expect(waitMs(1, 200, () => 1, 86_400)).toBe(300_000);
    expect(waitMs(9, 200, () => 1, 1)).toBe(30_000);
  });
});
