// SPDX-License-Identifier: GPL-3.0-or-later
import { invalidField } from '../../../core/coupons/invalid-field.ts';
import type { SagaStore } from '../../../core/sagas/ports.ts';
import {
  type Saga,
  type SagaState,
  type SagaStepView,
  type StepState,
  sagaStates,
} from '../../../core/sagas/saga.ts';
import { toMicroseconds } from '../claim-rows.ts';
import type { Database } from '../database.ts';
import { throwAsReadError, throwAsWriteError } from '../errors/app-error.ts';
import { toUuid } from '../events/webhook-deliveries.ts';
import { statement } from '../statements.ts';
import { sagaCodes, stepCodes } from './saga-codes.ts';

const listSagas = statement('list-sagas');
const readSaga = statement('read-saga');
const retrySaga = statement('retry-saga');
const resolveSaga = statement('resolve-saga');

type SagaRow = {
  saga_id: string;
  name: string;
  version: string | null;
  state: SagaState;
  coupon_name: string;
  claim_id: string;
  user_id: string;
  position: number;
  started_at: string;
  deadline_at: string;
  ended_at: string | null;
  next_attempt_at: string | null;
  cause: string | null;
};

type StepRow = {
  name: string;
  participant: string;
  state: string;
  attempts: number;
  last_status: number | null;
  last_error: string | null;
  changed_at: string | null;
};

type FullRow = SagaRow & { steps: StepRow[] | null };

type ChangedRow =
  | { outcome: 'saga_not_found' | 'not_in_attention' }
  | (FullRow & { outcome: null });

/** Before all sagas. */
const start = { microseconds: '0', sagaId: '00000000-0000-0000-0000-000000000000' };

/** Reads sagas in PostgreSQL, and changes those that need attention. */
export function postgresSagaStore(database: Database): SagaStore {
  return {
    async list({ states = sagaStates, cursor, limit }) {
      const { microseconds, sagaId } = cursor === undefined ? start : placeOf(cursor);
      const values = [states.map((state) => sagaCodes[state]), microseconds, sagaId, limit + 1];
      const rows = await database
        .run<SagaRow & { at_microseconds: string }>(listSagas, values)
        .catch(throwAsReadError);
      const last = rows.length > limit ? rows[limit - 1] : undefined;
      return {
        sagas: rows.slice(0, limit).map(toSaga),
        next: last === undefined ? null : `${last.at_microseconds}-${last.saga_id}`,
      };
    },

    async read(sagaId) {
      const [row] = await database.run<FullRow>(readSaga, [toUuid(sagaId)]).catch(throwAsReadError);
      return row && toSagaWithSteps(row);
    },

    async retry(sagaId, { actor, requestId }) {
      const [row] = await database
        .run<ChangedRow>(retrySaga, [toUuid(sagaId), actor, requestId])
        .catch(throwAsWriteError);
      return toChanged(row);
    },

    async resolve(sagaId, { as, note }, { actor, requestId }) {
      const values = [toUuid(sagaId), sagaCodes[as], note, actor, requestId];
      const [row] = await database.run<ChangedRow>(resolveSaga, values).catch(throwAsWriteError);
      return toChanged(row);
    },
  };
}

/** Where a page ends: `next` is the time of its last saga in microseconds since 1970, and the id. */
function placeOf(cursor: string): { microseconds: string; sagaId: string } {
  const end = cursor.indexOf('-');
  const microseconds = cursor.slice(0, Math.max(end, 0));
  const sagaId = toUuid(cursor.slice(end + 1));
  if (sagaId === null || !/^\d{1,18}$/.test(microseconds)) {
    throw invalidField({ field: 'cursor', message: 'must be the next_cursor of the page before' });
  }
  return { microseconds, sagaId };
}

function toChanged(row: ChangedRow | undefined): Saga | 'saga_not_found' | 'not_in_attention' {
  if (row === undefined) throw new Error('the change of a saga has no outcome');
  return row.outcome ?? toSagaWithSteps(row);
}

function toSaga(row: SagaRow): Omit<Saga, 'steps'> {
  const { name, version, state, position, cause } = row;
  return {
    ...{ sagaId: row.saga_id, name, version, state, couponName: row.coupon_name },
    ...{ claimId: row.claim_id, userId: row.user_id, position, cause },
    startedAt: toMicroseconds(row.started_at),
    deadlineAt: toMicroseconds(row.deadline_at),
    endedAt: row.ended_at && toMicroseconds(row.ended_at),
    nextAttemptAt: row.next_attempt_at && toMicroseconds(row.next_attempt_at),
  };
}

function toSagaWithSteps(row: FullRow): Saga {
  return { ...toSaga(row), steps: (row.steps ?? []).map(toStep) };
}

function toStep(row: StepRow): SagaStepView {
  const { name, participant, attempts, last_status: lastStatus, last_error: lastError } = row;
  const state = stateByCode.get(row.state) as StepState | 'pending';
  return { name, participant, state, attempts, lastStatus, lastError, changedAt: row.changed_at };
}

const stateByCode = new Map(Object.entries(stepCodes).map(([state, code]) => [code, state]));
