// SPDX-License-Identifier: GPL-3.0-or-later
import type pg from 'pg';

/**
 * Whether a connection leads through a pooler such as PgBouncer: then the process of the server that has answered a
 * statement, `backend`, is not the one that the connection was greeted by. The next statement may reach another session,
 * which has none of our settings.
 */
export function leadsThroughPooler(client: pg.ClientBase, backend: number): boolean {
  return (client as unknown as { processID: unknown }).processID !== backend;
}
