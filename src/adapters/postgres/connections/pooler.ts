// SPDX-License-Identifier: GPL-3.0-or-later
import type pg from 'pg';

/**
 * Whether a connection leads through a pooler such as PgBouncer. Then the server process that runs a statement
 * (`backend`) is not the one that the greeting named, and the next statement may run in another session, without our
 * settings.
 */
export function leadsThroughPooler(client: pg.ClientBase, backend: number): boolean {
  return (client as unknown as { processID: unknown }).processID !== backend;
}
