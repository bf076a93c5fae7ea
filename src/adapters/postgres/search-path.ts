// SPDX-License-Identifier: GPL-3.0-or-later

/** A name as it stands in SQL, whatever characters it holds. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/**
 * The search path of a session that works in one schema. Temporary objects come last: otherwise a temporary table would
 * hide a table of the same name.
 */
export function searchPathOf(schema: string): string {
  return `${quoteName(schema)}, pg_temp`;
}

/** The search path of a session that reads nothing but the catalogs of PostgreSQL. */
export const catalogsOnly = 'pg_catalog, pg_temp';

/**
 * The URL without its `options`, and the options of a session: those of the URL, then `settings`. The last one of a name
 * counts, so a URL cannot change what `settings` says. The driver would take the URL's options in place of ours.
 */
export function withSettings(
  databaseUrl: string,
  settings: Record<string, string>,
): { connectionString: string; options: string } {
  const url = new URL(databaseUrl);
  const ofUrl = url.searchParams.get('options') ?? '';
  url.searchParams.delete('options');
  const ours = Object.entries(settings).map(
    ([name, value]) => `-c ${name}=${value.replaceAll(/[\\\s]/g, '\\$&')}`,
  );
  return { connectionString: url.href, options: [ofUrl, ...ours].join(' ').trim() };
}
