// SPDX-License-Identifier: GPL-3.0-or-later
import { Database, type DatabaseOptions } from '../../src/adapters/postgres/database.ts';
import { schema } from './test-database.ts';

/** Opens a pool of connections for statements, with timeouts that a busy machine does not reach. */
export function openDatabase(
  location: { url: string } | Pick<Extract<DatabaseOptions, { hostPool: unknown }>, 'hostPool'>,
  options: Partial<DatabaseOptions> = {},
): Database {
  return new Database({
    ...{ schema, connectionsMax: 2, connectTimeoutMs: 20_000, answerTimeoutMs: 20_000 },
    ...{ lockTimeoutMs: 20_000, statementTimeoutMs: 20_000 },
    onIdleConnectionLost: () => undefined,
    ...location,
    ...options,
  } as DatabaseOptions);
}
