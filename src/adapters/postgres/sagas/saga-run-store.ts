// SPDX-License-Identifier: GPL-3.0-or-later
import type { SagaDefinition } from '../../../core/sagas/definition.ts';
import { type SagaRunStore, sagaShards, type TakenSaga } from '../../../core/sagas/ports.ts';
import { toMicroseconds } from '../claim-rows.ts';
import type { Database } from '../database.ts';
import { runForDuty } from '../duties/run-for-duty.ts';
import { statement } from '../statements.ts';
import { sagaCodes, stepCodes } from './saga-codes.ts';

const addSagaDefinitions = statement('add-saga-definitions');
const readSagaDefinition = statement('read-saga-definition');
const findDueSagaShards = statement('find-due-saga-shards');
const takeSagas = statement('take-sagas');
const recordSagas = statement('record-sagas');

type TakenRow = {
  saga_id: string;
  epoch: string;
  name: string;
  version: string | null;
  claim_id: string;
  coupon_name: string;
  user_id: string;
  position: number;
  claimed_at: string;
  is_undoing: boolean;
  step: number;
  attempts: number;
  ms_to_deadline: number;
  is_undo_asked: boolean;
};

/** Stores sagas in PostgreSQL while they run. */
export function postgresSagaRuns(database: Database): SagaRunStore {
  return {
    async addDefinitions(definitions) {
      // A start needs it in any case.
      await database.probe(addSagaDefinitions, [
        definitions.map(({ name }) => name),
        definitions.map(({ version }) => version),
        definitions.map((definition) => JSON.stringify(definition)),
      ]);
    },

    async readDefinition(name, version) {
      const [row] = await runForDuty<{ definition: SagaDefinition }>(database, readSagaDefinition, [
        name,
        version,
      ]);
      return row?.definition;
    },

    async findDueShards() {
      const last = sagaShards - 1;
      const rows = await runForDuty<{ shard: number }>(database, findDueSagaShards, [last]);
      return rows.map(({ shard }) => shard);
    },

    async take(shard, { limit, underWay, definitions }) {
      const rows = await runForDuty<TakenRow>(database, takeSagas, [
        ...[shard, limit, underWay],
        definitions.map(({ name }) => name),
        definitions.map(({ version }) => version),
      ]);
      return rows.map(toTaken);
    },

    async record(progress) {
      const rows = await runForDuty<{ place: number; is_undo_asked: boolean }>(
        database,
        recordSagas,
        [
          progress.map(({ sagaId }) => sagaId),
          progress.map(({ epoch }) => epoch),
          progress.map(({ state }) => sagaCodes[state]),
          progress.map(({ isUndoing }) => isUndoing),
          progress.map(({ nextStep }) => nextStep),
          progress.map(({ attempts }) => attempts),
          progress.map(({ dueInMs }) => String(Math.round(dueInMs))),
          progress.map(({ cause }) => cause),
          progress.map(({ step }) => step?.number ?? null),
          progress.map(({ step }) => (step === undefined ? null : stepCodes[step.state])),
          progress.map(({ step }) => step?.attempts ?? null),
          progress.map(({ step }) => step?.status ?? null),
          progress.map(({ step }) => step?.error ?? null),
        ],
      );
      const asked = new Map(rows.map((row) => [row.place, row.is_undo_asked]));
      return progress.map((_, index) => ({
        isHeld: asked.has(index + 1),
        isUndoAsked: asked.get(index + 1) === true,
      }));
    },
  };
}

function toTaken(row: TakenRow): TakenSaga {
  const { saga_id: sagaId, epoch, name, version, step, attempts } = row;
  return {
    ...{ sagaId, epoch, name, version, step, attempts },
    claim: {
      claimId: row.claim_id,
      couponName: row.coupon_name,
      userId: row.user_id,
      position: row.position,
      claimedAt: toMicroseconds(row.claimed_at),
    },
    isUndoing: row.is_undoing,
    msToDeadline: row.ms_to_deadline,
    isUndoAsked: row.is_undo_asked,
  };
}
