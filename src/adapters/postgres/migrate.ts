// SPDX-License-Identifier: GPL-3.0-or-later
import { fileURLToPath } from 'node:url';
import { runner } from 'node-pg-migrate';
import { StartError } from '../../core/errors.ts';
import { connectOnce, messageOf } from './connect.ts';
import { statement } from './statements.ts';

const readVersion = statement('read-version');
const versionMin = 15;

/**
 * Brings the database to the tables and functions of this version and returns the names of the migrations applied.
 * Safe from several processes at once: one works, the others wait for it.
 */
export async function migrate(options: {
  url: string;
  connectTimeoutMs: number;
  sleep(ms: number): Promise<void>;
}): Promise<string[]> {
  const client = await connectOnce(options);
  try {
    const version = await client.query<{ major: number }>(readVersion.text);
    const major = version.rows[0]?.major ?? 0;
    if (major < versionMin) {
      throw new StartError(
        `the database is PostgreSQL ${major}; firstcome needs PostgreSQL ${versionMin} or later`,
      );
    }
    const applied = await runner({
      dbClient: client,
      dir: fileURLToPath(new URL('./migrations/', import.meta.url)),
      ignorePattern: '.*\\.json',
      migrationsTable: 'schema_migrations',
      direction: 'up',
      advisoryLockMode: 'wait',
      logger: silent,
      verbose: false,
    });
    return applied.map((migration) => migration.name);
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw new StartError(`the database could not be migrated: ${messageOf(error)}`, {
      cause: error,
    });
  } finally {
    await client.end().catch(() => undefined);
  }
}

const silent = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
