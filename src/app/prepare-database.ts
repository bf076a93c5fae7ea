// SPDX-License-Identifier: GPL-3.0-or-later
/** Prepares the database at a start: waits for it, checks it and brings it up to date. */
import type { Logger } from 'pino';
import { describeLocation } from '../adapters/postgres/connections/connection-config.ts';
import { hasRelayBegun } from '../adapters/postgres/events/has-relay-begun.ts';
import { locateInstallation } from '../adapters/postgres/installation/find-installation.ts';
import { type Migrated, migrate, migrateWith } from '../adapters/postgres/installation/migrate.ts';
import { checkConnectionLimit } from '../adapters/postgres/start/connection-limit.ts';
import { assertSequence } from '../adapters/postgres/start/coupon-sequence.ts';
import { checkDurability, warnOfReplicas } from '../adapters/postgres/start/durability.ts';
import {
  type StartConnection,
  withStartConnection,
} from '../adapters/postgres/start/start-connection.ts';
import { systemClock } from '../adapters/system/clock.ts';
import type { Config } from '../config.ts';
import { StartError } from '../core/errors.ts';
import type { Durability } from '../core/health.ts';
import { unfinishedUpgrade } from '../core/unfinished-upgrade.ts';

/** A database that is ready for a service. */
export type PreparedDatabase = Migrated & {
  durability: Durability;
  /** What an operator should know although the start goes ahead. */
  warnings: string[];
};

type StartControls = { log: Logger; signal?: AbortSignal | undefined };

/** Prepares the database for a service, on one connection. Rejects with a `StartError`. */
export function prepareDatabase(
  config: Config,
  url: string,
  controls: StartControls,
): Promise<PreparedDatabase> {
  const { workers, unsafeDurability, durabilityMin } = config;
  const { claimConnections, queryConnections } = config.database;
  const pools = { processes: workers, claimConnections, queryConnections, jobConnections: 0 };
  const connection = startConnection(config, url, controls);
  return withStartConnection(connection, async (client) => {
    const durability = await checkDurability(client, {
      ...{ unsafeAllowed: unsafeDurability, min: durabilityMin },
    });
    const replicas = await warnOfReplicas(client, durability);
    let scarce = await checkConnectionLimit(client, pools);
    const migrated = await migrateWith(client, {
      ...schemaWanted(config),
      mayAddInstallation: false,
      onWait: connection.onWait,
    });
    // Needs the search path of the installation, which the migration has set.
    await assertSequence(client);
    if (config.sagas.file !== undefined || (await hasRelayBegun(client))) {
      const { connections: jobConnections } = config.webhooks;
      scarce = await checkConnectionLimit(client, { ...pools, jobConnections });
    }
    const unsafe = durability === 'unsafe' ? ['this database can lose acknowledged claims'] : [];
    const unfinished = migrated.unfinished.length > 0 ? [unfinishedUpgrade] : [];
    const found = [replicas, scarce].filter((warning) => warning !== undefined);
    const warnings = [...unsafe, ...found, ...unfinished];
    return { ...migrated, durability, warnings };
  });
}

/**
 * Brings the installation in a database up to date, or creates one. Beside another installation it creates one only
 * with `newInstallation`: a setting that names the wrong schema would hide every coupon.
 */
export function migrateDatabase(
  config: Config,
  url: string,
  {
    newInstallation,
    finish,
    ...controls
  }: StartControls & { newInstallation: boolean; finish: boolean },
): Promise<Migrated> {
  return migrate({
    ...startConnection(config, url, controls),
    ...schemaWanted(config),
    ...{ mayAddInstallation: newInstallation, finish },
  });
}

/** The schema of the installation in a database. Does not wait. Rejects with a `StartError` when there is none. */
export async function schemaIn(config: Config, url: string): Promise<string> {
  const { schema, isInstalled, others } = await locateInstallation({
    ...{ url, connectTimeoutMs: config.database.connectTimeoutMs, sleep: systemClock.sleep },
    ...{ ...schemaWanted(config), readsOnly: true },
  });
  if (isInstalled) return schema;
  throw new StartError(
    `the database has no installation in schema ${schema}\n` +
      (others.length > 0 ? `It has one in ${others.join(', ')}.\n` : '') +
      'Set DATABASE_URL and DATABASE_SCHEMA to those of the service.',
  );
}

function schemaWanted({ database: { schema } }: Config) {
  return { schema, setting: 'DATABASE_SCHEMA' } as const;
}

function startConnection(config: Config, url: string, { log, signal }: StartControls) {
  const { connectTimeoutMs, waitMs } = config.database;
  const location = describeLocation(url);
  return {
    ...{ url, connectTimeoutMs, waitMs, signal, sleep: systemClock.sleep },
    onWait: (reason: string) => log.warn({ reason }, `waiting for the database at ${location}`),
  } satisfies StartConnection;
}
