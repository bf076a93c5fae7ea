// SPDX-License-Identifier: GPL-3.0-or-later
import type {
  LogPosition,
  OperatorLogEntry,
  ReadOperatorLog,
} from '../../core/operator-log/operator-log.ts';
import { toMicroseconds } from './claim-rows.ts';
import type { Database } from './database.ts';
import { throwAsReadError } from './errors/app-error.ts';
import { statement } from './statements.ts';

type Row = Omit<OperatorLogEntry, 'couponName' | 'requestId'> & {
  at_microseconds: string;
  coupon_name: string;
  request_id: string | null;
};

const listOperatorLog = statement('list-operator-log');
const afterAll: LogPosition = {
  microseconds: '9'.repeat(18),
  id: 'ffffffff-ffff-ffff-ffff-ffffffffffff',
};

/** Reads the operator log in PostgreSQL. */
export function postgresOperatorLog(database: Database): ReadOperatorLog {
  return async ({ before = afterAll, limit }) => {
    const rows = await database
      .run<Row>(listOperatorLog, [before.microseconds, before.id, limit + 1])
      .catch(throwAsReadError);
    const last = rows.length > limit ? rows[limit - 1] : undefined;
    return {
      entries: rows.slice(0, limit).map(toEntry),
      next: last && { microseconds: last.at_microseconds, id: last.id },
    };
  };
}

function toEntry(row: Row): OperatorLogEntry {
  const { id, actor, action, before, after, reason } = row;
  const at = toMicroseconds(row.at);
  const { coupon_name: couponName, request_id: requestId } = row;
  return { id, at, actor, action, couponName, before, after, reason, requestId };
}
