// SPDX-License-Identifier: GPL-3.0-or-later
import { type SessionStore, sessionSeconds } from '../../../core/console/ports.ts';
import { toMicroseconds } from '../claim-rows.ts';
import type { Database } from '../database.ts';
import { throwAsReadError, throwAsWriteError } from '../errors/app-error.ts';
import { statement } from '../statements.ts';

const createConsoleSession = statement('create-console-session');
const useConsoleSessions = statement('use-console-sessions');
const endConsoleSession = statement('end-console-session');

type SessionRow = { hash: string; fingerprint: string; ends_at: string; idle_ends_at: string };

/** Keeps the sessions of the console in PostgreSQL, also while calls are refused: an operator has to see and end that. */
export function postgresSessionStore(database: Database): SessionStore {
  const { idle, max } = sessionSeconds;
  return {
    async create({ hash, fingerprint }) {
      await database
        .probe(createConsoleSession, [hash, fingerprint, idle, max])
        .catch(throwAsWriteError);
    },
    async find(hashes, isUse) {
      const rows = await database
        .probe<SessionRow>(useConsoleSessions, [hashes, idle, max, isUse])
        .catch(throwAsReadError);
      return rows.map((row) => ({
        ...{ hash: row.hash, fingerprint: row.fingerprint },
        endsAt: toMicroseconds(row.ends_at),
        idleEndsAt: toMicroseconds(row.idle_ends_at),
      }));
    },
    async end(hash) {
      await database.probe(endConsoleSession, [hash]).catch(throwAsWriteError);
    },
  };
}
