// SPDX-License-Identifier: GPL-3.0-or-later
import type { SagaStep } from './definition.ts';
import type { SagaProgress, TakenSaga } from './ports.ts';

/** Where a saga is. */
export type Place = Pick<TakenSaga, 'isUndoing' | 'step' | 'attempts'> & {
  /** Whether some process may have run the step. A step that none has run is not undone. */
  mayBeRun: boolean;
};

/** How a saga goes on, without the id of the saga and its epoch. */
export type Change = Omit<SagaProgress, 'sagaId' | 'epoch'>;

/** What is done next. `end`: its claim is confirmed or released. `write`: no call is made. */
export type Move =
  | { kind: 'call'; number: number; step: SagaStep; direction: 'run' | 'undo' }
  | { kind: 'end'; change: 'confirm' | 'release' }
  | { kind: 'write'; change: Change };

/** What decides besides the place. */
export type Circumstances = {
  isPastDeadline: boolean;
  isUndoAsked: boolean;
  /** Whether this process can call a participant. */
  hasParticipant(name: string): boolean;
};

// A saga that this process cannot advance is checked again after this time, by any process.
const otherProcessMs = 5_000;

/**
 * The next move of a saga. `steps` is undefined where this process does not know them. A saga that has run all steps is
 * confirmed also after its deadline, unless an operator has asked for its undo. A step that cannot be undone, and has been called
 * without a known outcome, is called again also then.
 */
export function nextMove(
  steps: readonly SagaStep[] | undefined,
  place: Place,
  circumstances: Circumstances,
): Move {
  if (steps === undefined) {
    return waitOrAsk(place, circumstances, 'no process has stored the steps of its version');
  }
  const { isPastDeadline, isUndoAsked, hasParticipant } = circumstances;
  if (!place.isUndoing && isUndoAsked) {
    return turn(place, steps, 'an operator has asked for the undo');
  }
  if (!place.isUndoing && place.step > steps.length) return { kind: 'end', change: 'confirm' };
  const number = Math.min(place.step, steps.length);
  const step = steps[number - 1];
  // One that was called is no further step. Only its participant knows whether it was done.
  const isAskedAgain = step?.undoPath === null && place.attempts > 0;
  if (!place.isUndoing && isPastDeadline && !isAskedAgain) {
    return turn(place, steps, 'the deadline has passed');
  }
  if (step === undefined) return { kind: 'end', change: 'release' };
  if (place.isUndoing && step.undoPath === null) {
    const cause = `step ${step.name} may be done, and cannot be undone`;
    return { kind: 'write', change: attention(place, cause) };
  }
  if (!hasParticipant(step.participant)) {
    const cause = `participant ${step.participant} is not in SAGAS_FILE`;
    return waitOrAsk(place, circumstances, cause);
  }
  return { kind: 'call', number, step, direction: place.isUndoing ? 'undo' : 'run' };
}

/** The next move of a saga that has no version: no step was ever called. Another process may know its steps. */
export function nextMoveWithoutVersion(place: Place, circumstances: Circumstances): Move {
  if (place.isUndoing) return { kind: 'end', change: 'release' };
  if (circumstances.isUndoAsked) return turn(place, [], 'an operator has asked for the undo');
  if (circumstances.isPastDeadline) {
    const cause = 'no process with this saga in SAGAS_FILE has begun it before its deadline';
    return turn(place, [], cause);
  }
  return { kind: 'write', change: stay(place, otherProcessMs) };
}

/** The place after a change was stored. */
export function placeAfter(place: Place, { isUndoing, nextStep, attempts, step }: Change): Place {
  const isSame = nextStep === place.step;
  const mayBeRun = isSame && (place.mayBeRun || step !== undefined);
  return { isUndoing, step: nextStep, attempts, mayBeRun };
}

/** Leaves a saga where it is, and looks at it again later. */
export function stay(
  { isUndoing, step, attempts }: Omit<Place, 'mayBeRun'>,
  dueInMs: number,
): Change {
  const state = isUndoing ? 'compensating' : 'running';
  return {
    ...{ state, isUndoing, attempts, dueInMs },
    step: undefined,
    nextStep: step,
    cause: null,
  };
}

/** Leaves a saga where it is, until an operator decides. */
export function attention(place: Omit<Place, 'mayBeRun'>, cause: string): Change {
  return { ...stay(place, 0), state: 'needs_attention', cause };
}

function waitOrAsk(place: Place, { isPastDeadline }: Circumstances, cause: string): Move {
  const change = isPastDeadline ? attention(place, cause) : stay(place, otherProcessMs);
  return { kind: 'write', change };
}

/** Begins to undo: the current step too where it may be run. */
function turn({ step, mayBeRun }: Place, { length }: readonly SagaStep[], cause: string): Move {
  const first = step <= length && !mayBeRun ? step - 1 : step;
  const place = { isUndoing: true, step: Math.min(first, length), attempts: 0 };
  return { kind: 'write', change: { ...stay(place, 0), cause } };
}
