// SPDX-License-Identifier: GPL-3.0-or-later
/** What a start does on its database before anything serves: waits for it, checks it and brings it up to date. */
import type { Logger } from 'pino';
import { type StartConnection, withStartConnection } from '../adapters/postgres/connect.ts';
import { describePlace } from '../adapters/postgres/connection-config.ts';
import { checkConnectionLimit } from '../adapters/postgres/connection-limit.ts';
import { checkDurability } from '../adapters/postgres/durability.ts';
import { migrate, migrateWith } from '../adapters/postgres/migrate.ts';
import { systemClock } from '../adapters/system/clock.ts';
import type { Config } from '../config.ts';
import type { Durability } from '../core/health.ts';

/** A database that a service can serve from. */
export type PreparedDatabase = {
  durability: Durability;
  /** The names of the migrations that it lacked. */
  applied: string[];
  /** What an operator should know although it is allowed. */
  warnings: string[];
};

type Waiting = { log: Logger; signal?: AbortSignal | undefined };

/** Prepares the database for a service, on one connection. Rejects with a `StartError`. */
export function prepareDatabase(
  config: Config,
  url: string,
  waiting: Waiting,
): Promise<PreparedDatabase> {
  const { workers, unsafeDurability } = config;
  const { claimConnections, queryConnections } = config.database;
  const pools = { processes: workers, claimConnections, queryConnections };
  return withStartConnection(startConnection(config, url, waiting), async (client) => {
    const durability = await checkDurability(client, { unsafeAllowed: unsafeDurability });
    const scarce = await checkConnectionLimit(client, pools);
    const applied = await migrateWith(client);
    const unsafe = durability === 'unsafe' ? ['this database can lose acknowledged claims'] : [];
    return {
      durability,
      applied,
      warnings: [...unsafe, ...(scarce === undefined ? [] : [scarce])],
    };
  });
}

/** Brings a database up to date and returns the names of the migrations applied. */
export function migrateDatabase(config: Config, url: string, waiting: Waiting): Promise<string[]> {
  return migrate(startConnection(config, url, waiting));
}

function startConnection(config: Config, url: string, { log, signal }: Waiting): StartConnection {
  const { connectTimeoutMs, waitMs } = config.database;
  const place = describePlace(url);
  return {
    ...{ url, connectTimeoutMs, waitMs, signal, sleep: systemClock.sleep },
    onWait: (reason) => log.warn({ reason }, `waiting for the database at ${place}`),
  };
}
