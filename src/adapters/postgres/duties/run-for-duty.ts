// SPDX-License-Identifier: GPL-3.0-or-later
import type pg from 'pg';
import { DatabaseAwayError } from '../../../core/duties/ports.ts';
import type { Database } from '../database.ts';
import { DatabaseFault } from '../errors/pg-error.ts';
import type { Statement } from '../statements.ts';

/** Runs a statement of a duty. Rejects with a `DatabaseAwayError` when the log of outages has the reason. */
export function runForDuty<Row extends pg.QueryResultRow>(
  database: Database,
  statement: Statement,
  values: unknown[],
): Promise<Row[]> {
  return database.run<Row>(statement, values).catch((error) => {
    const isAway =
      error instanceof DatabaseFault && (error.reason === 'not_sent' || error.reason === 'lost');
    throw isAway ? new DatabaseAwayError(error.message, { cause: error }) : error;
  });
}
