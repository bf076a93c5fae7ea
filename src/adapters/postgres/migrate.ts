// SPDX-License-Identifier: GPL-3.0-or-later
import { fileURLToPath } from 'node:url';
import { runner } from 'node-pg-migrate';
import pg from 'pg';
import { StartError } from '../../core/errors.ts';
import { statement } from './statements.ts';

const readVersion = statement('read-version');
const versionMin = 15;
const startingUp = '57P03';
const startingUpWaitMsMax = 30_000;

/**
 * Brings the database to the tables and functions of this version and returns the names of the migrations applied.
 * Safe from several processes at once: one works, the others wait for it.
 */
export async function migrate(options: {
  url: string;
  connectTimeoutMs: number;
  sleep(ms: number): Promise<void>;
}): Promise<string[]> {
  const client = await connect(options);
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

async function connect(options: {
  url: string;
  connectTimeoutMs: number;
  sleep(ms: number): Promise<void>;
}): Promise<pg.Client> {
  for (let waitedMs = 0; ; waitedMs += 250) {
    const client = new pg.Client({
      connectionString: options.url,
      application_name: 'firstcome migrate',
      connectionTimeoutMillis: options.connectTimeoutMs,
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return client;
    } catch (error) {
      await client.end().catch(() => undefined);
      const code = (error as { code?: string }).code;
      if (code !== startingUp || waitedMs >= startingUpWaitMsMax) {
        throw new StartError(
          `cannot use the database at ${placeOf(options.url)}: ${messageOf(error)}\n` +
            'Check that it runs and that DATABASE_URL names its host, port, user, password and database.',
          { cause: error },
        );
      }
      await options.sleep(250);
    }
  }
}

/** Where the URL leads, without user and password. */
function placeOf(url: string): string {
  const { host, pathname } = new URL(url);
  return `${host || 'the default host'}${pathname}`;
}

function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) {
    return error.errors.map(messageOf).join('; ');
  }
  const message = error instanceof Error ? error.message : String(error);
  return message || ((error as { code?: string }).code ?? 'unknown error');
}

const silent = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
