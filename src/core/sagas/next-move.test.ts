// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { stepOf } from '../../../test/support/saga-model.ts';
import {
  type Circumstances,
  nextMove,
  nextMoveWithoutVersion,
  type Place,
  placeAfter,
} from './next-move.ts';

const steps = [stepOf('one'), stepOf('two'), stepOf('three', { undoPath: null })];
const calm: Circumstances = {
  ...{ isPastDeadline: false, isUndoAsked: false },
  hasParticipant: () => true,
};
const late = { ...calm, isPastDeadline: true };
const asked = { ...calm, isUndoAsked: true };

const at = (step: number, more: Partial<Place> = {}): Place => {
  return { step, isUndoing: false, attempts: 0, mayBeRun: true, ...more };
};
const undoing = (step: number) => at(step, { isUndoing: true });

/** A move in one line. */
function shown(place: Place, circumstances = calm, given: typeof steps | undefined = steps) {
  const move = nextMove(given, place, circumstances);
  if (move.kind === 'call') return `${move.direction} ${move.step.name} as ${move.number}`;
  if (move.kind === 'end') return move.change;
  const { state, isUndoing, nextStep, dueInMs } = move.change;
  return `${state}${isUndoing ? ' undoing' : ''} at ${nextStep}, due in ${dueInMs}`;
}

describe('the next move of a saga', () => {
  it.each<[string, Place, Circumstances, string]>([
    ['runs its steps in order', at(1), calm, 'run one as 1'],
    ['runs its steps in order', at(3), calm, 'run three as 3'],
    ['confirms after the last step', at(4), calm, 'confirm'],
    ['confirms after the last step also past the deadline', at(4), late, 'confirm'],
    ['runs no step past the deadline', at(2), late, 'compensating undoing at 2, due in 0'],
    [
      'asks again what cannot be undone and was called, also past the deadline',
      at(3, { attempts: 1 }),
      late,
      'run three as 3',
    ],
    [
      'runs no step past the deadline that may not have been called yet',
      at(3),
      late,
      'compensating undoing at 3, due in 0',
    ],
    ['runs no step once an undo is asked for', at(2), asked, 'compensating undoing at 2, due in 0'],
    ['undoes all steps when it is asked for', at(4), asked, 'compensating undoing at 3, due in 0'],
    ['undoes in reverse order', undoing(2), calm, 'undo two as 2'],
    ['undoes also past the deadline', undoing(2), { ...late, isUndoAsked: true }, 'undo two as 2'],
    [
      'undoes the last step of a saga that was done',
      undoing(4),
      calm,
      'needs_attention undoing at 4, due in 0',
    ],
    [
      'asks where a step cannot be undone',
      undoing(3),
      calm,
      'needs_attention undoing at 3, due in 0',
    ],
    ['releases after the first step is undone', undoing(0), calm, 'release'],
    ['releases also past the deadline', undoing(0), late, 'release'],
  ])('%s', (_, place, circumstances, move) => {
    expect(shown(place, circumstances)).toBe(move);
  });

  it('leaves out the step that no process has run when it begins to undo', () => {
    expect(shown(at(2, { mayBeRun: false }), late)).toBe('compensating undoing at 1, due in 0');
    expect(shown(at(1, { mayBeRun: false }), late)).toBe('compensating undoing at 0, due in 0');
    expect(shown(at(3, { mayBeRun: false }), late)).toBe('compensating undoing at 2, due in 0');
  });

  it('leaves a participant that this process does not know to others, until the deadline', () => {
    const lacking = { hasParticipant: () => false };
    expect(shown(at(2), { ...calm, ...lacking })).toBe('running at 2, due in 5000');
    expect(shown(undoing(2), { ...calm, ...lacking })).toBe(
      'compensating undoing at 2, due in 5000',
    );
    expect(shown(undoing(2), { ...late, ...lacking })).toBe(
      'needs_attention undoing at 2, due in 0',
    );
  });

  it('leaves steps that no process has stored to others, until the deadline', () => {
    const without = (circumstances: Circumstances) => nextMove(undefined, at(2), circumstances);
    expect(without(calm)).toMatchObject({ change: { state: 'running', dueInMs: 5_000 } });
    expect(without(late)).toMatchObject({ change: { state: 'needs_attention', nextStep: 2 } });
  });

  it('undoes nothing of a saga that never began, once its deadline has passed or it is asked for', () => {
    const place = at(1);
    expect(nextMoveWithoutVersion(place, calm)).toMatchObject({
      change: { state: 'running', nextStep: 1, dueInMs: 5_000 },
    });
    for (const circumstances of [late, asked]) {
      const move = nextMoveWithoutVersion(place, circumstances);
      expect(move).toMatchObject({ change: { isUndoing: true, nextStep: 0, dueInMs: 0 } });
    }
    expect(nextMoveWithoutVersion(place, late)).toMatchObject({
      change: {
        cause: 'no process with this saga in SAGAS_FILE has begun it before its deadline',
      },
    });
    expect(nextMoveWithoutVersion(undoing(0), late)).toEqual({ kind: 'end', change: 'release' });
  });

  it('knows that the next step was not run yet, and that a call may have run the same one', () => {
    const change = { state: 'running', isUndoing: false, dueInMs: 0, cause: null } as const;
    const called = { number: 2, state: 'pending', attempts: 1, status: null, error: '' } as const;
    const next = { ...change, nextStep: 3, attempts: 0, step: called };
    expect(placeAfter(at(2), next)).toEqual(at(3, { mayBeRun: false }));
    const same = { ...change, nextStep: 2, attempts: 1, step: called };
    expect(placeAfter(at(2, { mayBeRun: false }), same)).toEqual(at(2, { attempts: 1 }));
    const uncalled = { ...same, step: undefined };
    expect(placeAfter(at(2, { mayBeRun: false }), uncalled).mayBeRun).toBe(false);
    expect(placeAfter(at(2), uncalled).mayBeRun).toBe(true);
  });
});
