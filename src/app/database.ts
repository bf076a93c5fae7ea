// SPDX-License-Identifier: GPL-3.0-or-later
import { resolve } from 'node:path';
import type { Logger } from 'pino';
import { startBundledPostgres } from '../adapters/bundled-postgres/bundled-postgres.ts';
import { describeLocation } from '../adapters/postgres/connections/connection-config.ts';
import type { Config } from '../config.ts';

/** A database that answers. */
export type OpenDatabase = {
  url: string;
  kind: 'bundled' | 'external';
  /** Where the data lies, for people: a folder, or host and database. */
  place: string;
  /** Ends the bundled PostgreSQL; an external one is left alone. */
  close(): Promise<void>;
};

/** Reports what takes time, stops a start, and registers what reads the API keys again. */
export type StartOptions = {
  say(line: string): void;
  signal?: AbortSignal;
  onReload?(reload: () => void): void;
};

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
    return {
      url: given,
      kind: 'external',
      place: `PostgreSQL at ${describeLocation(given)}`,
      close: async () => undefined,
    };
  }
  const { claimConnections, queryConnections } = config.database;
  const connections = config.workers * (claimConnections + queryConnections) + connectionsToSpare;
  const bundled = await startBundledPostgres({
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
