// SPDX-License-Identifier: GPL-3.0-or-later
import type { ChangeClaim } from '../claims/change-claim.ts';
import type { Clock } from '../clock.ts';
import { AppError, type ErrorCode } from '../errors.ts';
import { afterRun, afterUndo, waitMs } from './after-call.ts';
import type { SagaDefinition } from './definition.ts';
import {
  type Change,
  type Move,
  nextMove,
  nextMoveWithoutVersion,
  type Place,
  placeAfter,
  stay,
} from './next-move.ts';
import type { CallStep, Recorded, SagaMetrics, SagaProgress, TakenSaga } from './ports.ts';

/** What a saga is run with. */
export type SagaRunOptions = {
  record(progress: SagaProgress): Promise<Recorded>;
  call: CallStep;
  changeClaim: ChangeClaim;
  /** Undefined: no process has ever had this version. */
  findDefinition(name: string, version: string): Promise<SagaDefinition | undefined>;
  hasParticipant(name: string): boolean;
  clock: Pick<Clock, 'nowMs'>;
  random(): number;
  metrics: SagaMetrics;
  warn(event: Record<string, unknown>, message: string): void;
};

/** For how long a saga is run. */
export type SagaRun = {
  /** When the saga was asked for, by `clock`: its time to the deadline counts from then. */
  takenMs: number;
  /** Aborts the call that is under way. */
  signal: AbortSignal;
  /** No further call is made. */
  isOver(): boolean;
};

const firstChangeRetryMs = 200;
// The claim is decided by another process, or not at all for a moment.
const passing: readonly ErrorCode[] = ['overloaded', 'unavailable', 'outcome_unknown'];
// The saga's own changes write no operator log.
const bySaga = { actor: 'anonymous', requestId: null } as const;

/**
 * Advances one saga until it has ended, waits, needs attention, or belongs to another process. What a call has changed is
 * stored before the next call. A process that ends in between leaves the last call to be made again, with the same key.
 */
export async function runSaga(
  options: SagaRunOptions,
  saga: TakenSaga,
  run: SagaRun,
): Promise<void> {
  const { clock, record, hasParticipant, findDefinition, metrics } = options;
  const { sagaId, epoch, name, version, isUndoing, step, attempts } = saga;
  const definition = version === null ? undefined : await findDefinition(name, version);
  let { isUndoAsked } = saga;
  // Nothing was called before the first process has taken the saga.
  let place: Place = { isUndoing, step, attempts, mayBeRun: epoch !== '1' };
  const msToDeadline = () => run.takenMs + saga.msToDeadline - clock.nowMs();
  while (!run.isOver()) {
    const circumstances = { isPastDeadline: msToDeadline() <= 0, isUndoAsked, hasParticipant };
    const move =
      version === null
        ? nextMoveWithoutVersion(place, circumstances)
        : nextMove(definition?.steps, place, circumstances);
    const change = await make(move, { options, saga, place, run, msToDeadline });
    if (change === undefined) return;
    const recorded = await record({ sagaId, epoch, ...change });
    if (!recorded.isHeld) return;
    if (change.state !== 'running' && change.state !== stateOf(place)) {
      metrics.sagaReached(change.state);
    }
    isUndoAsked = recorded.isUndoAsked;
    place = placeAfter(place, change);
    // An undo that was asked for does not wait.
    const beginsUndo = isUndoAsked && !place.isUndoing;
    if (!beginsUndo && (change.dueInMs > 0 || change.state === 'needs_attention')) return;
  }
}

const stateOf = ({ isUndoing }: Place) => (isUndoing ? 'compensating' : 'running');

type Making = {
  options: SagaRunOptions;
  saga: TakenSaga;
  place: Place;
  run: SagaRun;
  msToDeadline(): number;
};

/** Makes a move. Undefined: there is nothing to store. */
async function make(move: Move, making: Making): Promise<Change | undefined> {
  if (move.kind === 'write') return move.change;
  if (move.kind === 'end') return await end(move.change, making);
  const { options, saga, place, run, msToDeadline } = making;
  const { number, step, direction } = move;
  const { sagaId, name: sagaName, claim } = saga;
  const idempotencyKey = `${sagaId}:${step.name}:${direction}`;
  const stepCall = { sagaId, sagaName, step, direction, idempotencyKey, claim };
  const { call, clock, metrics, random } = options;
  const beganMs = clock.nowMs();
  const answer = await call(stepCall, run.signal);
  // A call that was given up at a stop is no failed attempt.
  if (run.signal.aborted && answer.kind === 'unknown') return undefined;
  metrics.stepCalled({
    ...{ participant: step.participant, step: step.name, direction, result: answer.kind },
    seconds: (clock.nowMs() - beganMs) / 1_000,
  });
  const { attempts, mayBeRun } = place;
  const called = { number, step, attempts, mayBeRun };
  return direction === 'undo'
    ? afterUndo(called, answer, random)
    : afterRun(called, answer, { msToDeadline: msToDeadline(), random });
}

/** Confirms or releases the claim, which ends the saga. Otherwise it is tried again later. */
async function end(
  change: 'confirm' | 'release',
  { options, saga, place }: Making,
): Promise<Change | undefined> {
  const { changeClaim, metrics, random, warn } = options;
  const { sagaId, epoch: sagaEpoch, claim } = saga;
  const { couponName, userId, claimId } = claim;
  try {
    const { outcome } = await changeClaim({
      ...{ change, couponName, userId, claimId, sagaEpoch, by: bySaga },
      ...{ idempotencyKey: undefined, reason: undefined, isFinal: false },
      mayReleaseConfirmed: change === 'release',
    });
    if (outcome === 'changed') metrics.sagaReached(change === 'confirm' ? 'done' : 'compensated');
    if (outcome === 'changed' || outcome === 'unchanged') return undefined;
    if (outcome !== 'saga_moved') warn({ sagaId, change, outcome }, 'a saga could not be ended');
  } catch (err) {
    if (!(err instanceof AppError && passing.includes(err.code))) {
      warn({ sagaId, change, err }, 'a saga could not be ended');
    }
  }
  const attempts = place.attempts + 1;
  return stay({ ...place, attempts }, waitMs(attempts, firstChangeRetryMs, random));
}
