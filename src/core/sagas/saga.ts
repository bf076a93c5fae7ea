// SPDX-License-Identifier: GPL-3.0-or-later

/**
 * The states of a saga. `running`: its steps are run in order. `compensating`: they are undone in reverse order.
 * `needs_attention`: a call has failed too often, and an operator decides. `done`: its claim is confirmed. `compensated`:
 * nothing is left to undo, and its claim is released.
 */
export const sagaStates = [
  'running',
  'compensating',
  'needs_attention',
  'done',
  'compensated',
] as const;

/** One of `sagaStates`. */
export type SagaState = (typeof sagaStates)[number];

/**
 * What became of a step. `unknown`: it was called, and no answer says whether it was done. `declined`: the participant has
 * answered that it was not done.
 */
export const stepStates = ['done', 'declined', 'unknown', 'undone'] as const;

/** One of `stepStates`. */
export type StepState = (typeof stepStates)[number];

/** A step of a saga as an operator sees it. */
export type SagaStepView = {
  name: string;
  participant: string;
  /** `pending`: it has not been called yet, or is called now. */
  state: StepState | 'pending';
  /** Calls of its current or last direction. */
  attempts: number;
  /** The HTTP status of the last call; null where no response arrived, or before the first. */
  lastStatus: number | null;
  lastError: string | null;
  /** When the state was stored last; null before the first call has ended. */
  changedAt: string | null;
};

/** A saga as an operator sees it. All times are RFC 3339, UTC. */
export type Saga = {
  sagaId: string;
  /** Its name in `SAGAS_FILE`, and the version of its steps; the version is null until the first step is called. */
  name: string;
  version: string | null;
  state: SagaState;
  couponName: string;
  claimId: string;
  userId: string;
  position: number;
  /** When its claim was made. */
  startedAt: string;
  /** From then on no further step is run. */
  deadlineAt: string;
  endedAt: string | null;
  /** When the next call is due; null once nothing is. */
  nextAttemptAt: string | null;
  /** Why it is undone, or needs attention; null otherwise. */
  cause: string | null;
  /** Empty where the version is null. */
  steps: SagaStepView[];
};
