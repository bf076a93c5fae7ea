// SPDX-License-Identifier: GPL-3.0-or-later
import type pg from 'pg';
import { statement } from '../statements.ts';

const setSession = statement('set-session');

/** A name quoted for SQL, whatever characters it holds. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/**
 * The search path of a session that works in one schema, or in others after it. Temporary objects come last; otherwise a temporary table would
 * hide a table of the same name.
 */
export function searchPathOf(...schemas: string[]): string {
  return [...schemas.map(quoteName), 'pg_temp'].join(', ');
}

/** The search path of a session that reads only the catalogs of PostgreSQL. */
export const catalogsOnly = 'pg_catalog, pg_temp';

/** Sets the search path of a session until it is set again. */
export async function setSearchPath(client: pg.ClientBase, path: string): Promise<void> {
  await client.query(setSession.text, [['search_path'], [path]]);
}
