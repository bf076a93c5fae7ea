// SPDX-License-Identifier: GPL-3.0-or-later
/** What requests and responses about sagas hold. */
import { type Static, Type } from 'typebox';
import { sagaNoteRule } from '../../../core/input-rules.ts';
import { type Saga, type SagaStepView, stepStates } from '../../../core/sagas/saga.ts';
import { enumOf, SagaState } from './enums.ts';
import { NextCursor, PathText } from './fields.ts';
import { ref } from './ref.ts';

/** The path of one saga. An id that no saga can have is just not found. */
export const SagaParams = Type.Object({ id: PathText });

/** The states of the sagas in a list. */
export const StatesOfSagas = Type.Optional(
  Type.Array(ref(SagaState), {
    description: 'Repeat it for several states. By default every state.',
  }),
);

/** How an operator ends a saga. */
export const resolutionFields = {
  as: enumOf(['done', 'compensated'], {
    description:
      'What is true outside of the service by now: `done` confirms the claim, `compensated` releases it.',
  }),
  note: Type.String({
    ...sagaNoteRule,
    description: 'How the operator knows. It is kept in the operator log.',
    examples: ['captured by hand, receipt 4711'],
  }),
};

const TextOrNull = Type.Unsafe<string | null>({ type: ['string', 'null'] });
const timeOrNull = (description: string) =>
  Type.Unsafe<string | null>({ type: ['string', 'null'], format: 'date-time', description });

const sagaFields = {
  saga_id: Type.String({ format: 'uuid' }),
  saga: Type.String({ description: 'Its name in `SAGAS_FILE`.' }),
  version: Type.Unsafe<string | null>({
    type: ['string', 'null'],
    description: 'The version of its steps, which it keeps; null before the first call.',
  }),
  state: ref(SagaState),
  coupon_name: Type.String(),
  claim_id: Type.String({ format: 'uuid' }),
  user_id: Type.String(),
  position: Type.Integer(),
  started_at: Type.String({ format: 'date-time', description: 'When its claim was made.' }),
  deadline_at: Type.String({
    format: 'date-time',
    description: 'From then on no further step is run, and it is undone.',
  }),
  ended_at: timeOrNull('null until it is done or compensated.'),
  next_attempt_at: timeOrNull('When the next call is due; null where none is.'),
  cause: Type.Unsafe<string | null>({
    type: ['string', 'null'],
    description: 'Why it is undone, or needs attention.',
  }),
};

/** A saga in a list, without its steps. */
export const SagaSummaryBody = Type.Object(sagaFields, {
  ...{ $id: 'SagaSummary', description: 'A saga in a list, without its steps.' },
});

/** A page of sagas. */
export const SagaPageBody = Type.Object(
  { sagas: Type.Array(ref(SagaSummaryBody)), next_cursor: NextCursor },
  { $id: 'SagaPage', description: 'A page of sagas.' },
);

/** A step of a saga. */
export const StepBody = Type.Object(
  {
    name: Type.String(),
    participant: Type.String(),
    state: enumOf(['pending', ...stepStates], {
      description:
        '`pending`: not called yet, or called now. `unknown`: called, and no answer says whether it was done. `declined`: the ' +
        'participant has answered that it was not done.',
    }),
    attempts: Type.Integer({ description: 'Calls of its current or last direction.' }),
    last_status: Type.Unsafe<number | null>({
      type: ['integer', 'null'],
      description: 'The status of the last response; null where none arrived.',
    }),
    last_error: TextOrNull,
    changed_at: timeOrNull('null before the first call has ended.'),
  },
  { $id: 'SagaStep', description: 'A step of a saga.' },
);

/** A saga with its steps. */
export const SagaBody = Type.Object(
  {
    message: Type.Optional(Type.String()),
    ...sagaFields,
    steps: Type.Array(ref(StepBody), { description: 'In order; none before the first call.' }),
  },
  { $id: 'Saga', description: 'The saga with its steps.' },
);

/** The body of a saga in a list. */
export function toSagaSummary(saga: Omit<Saga, 'steps'>): Static<typeof SagaSummaryBody> {
  return {
    saga_id: saga.sagaId,
    saga: saga.name,
    version: saga.version,
    state: saga.state,
    coupon_name: saga.couponName,
    claim_id: saga.claimId,
    user_id: saga.userId,
    position: saga.position,
    started_at: saga.startedAt,
    deadline_at: saga.deadlineAt,
    ended_at: saga.endedAt,
    next_attempt_at: saga.nextAttemptAt,
    cause: saga.cause,
  };
}

/** The body of a saga with its steps. */
export function toSagaBody(saga: Saga): Static<typeof SagaBody> {
  return { ...toSagaSummary(saga), steps: saga.steps.map(toStepBody) };
}

function toStepBody(step: SagaStepView): Static<typeof StepBody> {
  return {
    name: step.name,
    participant: step.participant,
    state: step.state,
    attempts: step.attempts,
    last_status: step.lastStatus,
    last_error: step.lastError,
    changed_at: step.changedAt,
  };
}
