// SPDX-License-Identifier: GPL-3.0-or-later
import { resolve } from 'node:path';
import type { Logger } from 'pino';
import { startEmbeddedPostgres } from '../adapters/embedded-postgres/embedded-postgres.ts';
import { locateInstallation } from '../adapters/postgres/find-installation.ts';
import { type Migrated, migrate } from '../adapters/postgres/migrate.ts';
import { systemClock } from '../adapters/system/clock.ts';
import type { Config } from '../config.ts';
import { StartError } from '../core/errors.ts';

/** A database that answers. */
export type OpenDatabase = {
  url: string;
  kind: 'bundled' | 'external';
  /** Where the data lies, for people: a folder, or host and database. */
  place: string;
  /** Ends the bundled PostgreSQL; an external one is left alone. */
  close(): Promise<void>;
};

/** Who hears of what takes time, and what can break it off. */
export type StartOptions = { say(line: string): void; signal?: AbortSignal };

// Migrations and people who look in need some too.
const connectionsToSpare = 10;

/** The database that the configuration names, or the bundled one, started for this process and its workers. */
export async function openDatabase(
  config: Config,
  log: Logger,
  options: StartOptions,
): Promise<OpenDatabase> {
  const given = config.database.url?.reveal();
  if (given !== undefined) {
    return { url: given, kind: 'external', place: placeOf(given), close: async () => undefined };
  }
  const { claimConnections, queryConnections } = config.database;
  const connections = config.workers * (claimConnections + queryConnections) + connectionsToSpare;
  const bundled = await startEmbeddedPostgres({
    dataDir: config.dataDir,
    say: options.say,
    // That it runs as it should is told by what it serves.
    log: ({ level, message, ...event }) => log[level === 'info' ? 'debug' : level](event, message),
    settings: { max_connections: String(connections) },
    ...(options.signal && { signal: options.signal }),
  });
  return {
    url: bundled.url,
    kind: 'bundled',
    place: resolve(config.dataDir),
    close: () => bundled.stop(),
  };
}

/**
 * Brings the installation in a database up to date, or makes one. One that is made beside another has to be asked for:
 * a setting that names the wrong schema would hide every coupon.
 */
export function migrateDatabase(
  config: Config,
  url: string,
  { newInstallation = false }: { newInstallation?: boolean } = {},
): Promise<Migrated> {
  if (newInstallation && config.database.schema === undefined) {
    throw new StartError('--new-installation makes one in DATABASE_SCHEMA: set that too');
  }
  return migrate({ ...inDatabase(config, url), mayAddInstallation: newInstallation });
}

/** The schema of the installation in a database. Rejects with a `StartError` when there is none. */
export async function schemaIn(config: Config, url: string): Promise<string> {
  const { schema, isInstalled, others } = await locateInstallation(inDatabase(config, url));
  if (isInstalled) return schema;
  throw new StartError(
    `the database has no installation in schema ${schema}\n` +
      (others.length > 0 ? `It has one in ${others.join(', ')}.\n` : '') +
      'Set DATABASE_URL and DATABASE_SCHEMA to those of the service.',
  );
}

function inDatabase({ database: { schema, connectTimeoutMs } }: Config, url: string) {
  const { sleep } = systemClock;
  return { url, connectTimeoutMs, sleep, schema, setting: 'DATABASE_SCHEMA' } as const;
}

function placeOf(url: string): string {
  const { host, pathname } = new URL(url);
  return `PostgreSQL at ${host || 'its default host'}${pathname}`;
}
