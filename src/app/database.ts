// SPDX-License-Identifier: GPL-3.0-or-later
import { resolve } from 'node:path';
import type { Logger } from 'pino';
import {
  type BundledPostgresOptions,
  startBundledPostgres,
} from '../adapters/bundled-postgres/bundled-postgres.ts';
import { describeLocation } from '../adapters/postgres/connections/connection-config.ts';
import type { Config } from '../config.ts';

/** A database for this process and its workers. */
export type OpenDatabase = {
  url: string;
  kind: 'bundled' | 'external';
  /** Where the data is, for people: a folder, or host and database. */
  location: string;
  /** Stops the bundled PostgreSQL; does nothing to an external one. */
  close(): Promise<void>;
};

/** Reports slow steps, aborts a start, and registers the function that reads the API keys again. */
export type StartOptions = {
  say(line: string): void;
  signal?: AbortSignal;
  onReload?(reload: () => void): void;
};

// For migrations, commands and psql.
const connectionsToSpare = 10;

/** The database of the configuration, or the bundled one, which this starts. */
export async function openDatabase(
  config: Config,
  log: Logger,
  options: StartOptions,
): Promise<OpenDatabase> {
  const given = config.database.url?.reveal();
  if (given !== undefined) {
    return {
      url: given,
      kind: 'external',
      location: `PostgreSQL at ${describeLocation(given)}`,
      close: async () => undefined,
    };
  }
  const { claimConnections, queryConnections } = config.database;
  const ofProcess = claimConnections + queryConnections + config.webhooks.connections;
  const connections = config.workers * ofProcess + connectionsToSpare;
  const bundled = await startBundledPostgres({
    dataDir: config.dataDir,
    say: options.say,
    log: bundledLog(log),
    settings: { max_connections: String(connections) },
    ...(options.signal && { signal: options.signal }),
  });
  return {
    url: bundled.url,
    kind: 'bundled',
    location: resolve(config.dataDir),
    close: () => bundled.stop(),
  };
}

/** Logs the events of the bundled server. Its normal events are of interest only while debugging. */
export function bundledLog(log: Logger): BundledPostgresOptions['log'] {
  return ({ level, message, ...event }) => log[level === 'info' ? 'debug' : level](event, message);
}
