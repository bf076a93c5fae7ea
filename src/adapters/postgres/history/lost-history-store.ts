// SPDX-License-Identifier: GPL-3.0-or-later
import type { LostBatch, LostHistoryStore } from '../../../core/history/ports.ts';
import { toMicroseconds } from '../claim-rows.ts';
import type { Database } from '../database.ts';
import { throwAsReadError, throwAsWriteError } from '../errors/app-error.ts';
import { statement } from '../statements.ts';

const listLostBatches = statement('list-lost-batches');
const acceptLostBatches = statement('accept-lost-batches');

type Row = Pick<LostBatch, 'claims' | 'changes' | 'position'> & {
  batch_id: string;
  coupon_name: string;
  user_id: string;
  acknowledged_at: string;
  found_at: string;
  found_by: string;
  total: number;
  found_until: string;
};

/** Reads and accepts a loss in PostgreSQL, also while all other calls are refused. */
export function postgresLostHistory(database: Database): LostHistoryStore {
  return {
    async read(limit) {
      const rows = await database.probe<Row>(listLostBatches, [limit]).catch(throwAsReadError);
      const [first] = rows;
      return {
        batches: rows.map(toLostBatch),
        total: first?.total ?? 0,
        foundUntil: first === undefined ? null : toMicroseconds(first.found_until),
      };
    },
    async accept(foundUntil, { actor, requestId }) {
      const [row] = await database
        .probe<{ accepted: number }>(acceptLostBatches, [foundUntil, actor, requestId])
        .catch(throwAsWriteError);
      return row?.accepted ?? 0;
    },
  };
}

function toLostBatch(row: Row): LostBatch {
  return {
    batchId: row.batch_id,
    couponName: row.coupon_name,
    ...{ claims: row.claims, changes: row.changes, position: row.position },
    userId: row.user_id,
    acknowledgedAt: toMicroseconds(row.acknowledged_at),
    foundAt: toMicroseconds(row.found_at),
    foundBy: row.found_by,
  };
}
