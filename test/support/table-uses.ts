// SPDX-License-Identifier: GPL-3.0-or-later
import type { TestDatabase } from './test-database.ts';
import { waitFor } from './wait-for.ts';

/** How often a table was read, and how. */
export type TableUse = { table: string; seq_scan: string; idx_scan: string; idx_tup_fetch: string };

/** Waits until the sessions have ended: a backend reports its use of tables when it ends. */
export async function usesOf(database: TestDatabase): Promise<Record<string, TableUse>> {
  const sessions = `select from pg_stat_activity
    where datname = current_database() and application_name = 'firstcome'`;
  await waitFor('end', async () => (await database.query(sessions)).length === 0);
  const rows = await database.query<TableUse>(
    `select relname as table, seq_scan, idx_scan, idx_tup_fetch from pg_stat_user_tables`,
  );
  return Object.fromEntries(rows.map((row) => [row.table, row]));
}
