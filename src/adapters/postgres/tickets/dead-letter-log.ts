// SPDX-License-Identifier: GPL-3.0-or-later
import type { LogDeadLetter } from '../../../core/tickets/dead-letters.ts';
import type { Database } from '../database.ts';
import { throwAsWriteError } from '../errors/app-error.ts';
import { statement } from '../statements.ts';

const logDeadLetter = statement('log-dead-letter');

/** Logs in PostgreSQL what operators do with dead letters. Rejects with an `AppError`. */
export function postgresDeadLetterLog(database: Database): LogDeadLetter {
  return async ({ action, couponName, before }, { actor, requestId }) => {
    await database
      .run(logDeadLetter, [actor, action, couponName, JSON.stringify(before), requestId])
      .catch(throwAsWriteError);
  };
}
