// SPDX-License-Identifier: GPL-3.0-or-later
/** `firstcome migrate`. */
import { findRunningServer } from '../adapters/bundled-postgres/bundled-postgres.ts';
import type { Migrated } from '../adapters/postgres/installation/migrate.ts';
import { loadConfig } from '../config.ts';
import { StartError } from '../core/errors.ts';
import type { MigrateOptions } from '../entrypoints/cli/program.ts';
import { openDatabase } from './database.ts';
import { createLogger } from './logger.ts';
import { migrateDatabase } from './prepare-database.ts';
import { sayOnTerminal } from './terminal.ts';

/** Migrates the installation in the database, or creates one, without serving. */
export async function migrateOnly(options: MigrateOptions): Promise<Migrated> {
  const { newInstallation = false, finish = false } = options;
  const config = loadConfig();
  if (newInstallation && config.database.schema === undefined) {
    throw new StartError(
      '--new-installation creates the installation in DATABASE_SCHEMA: set that too',
    );
  }
  const log = createLogger(config);
  const migrateAt = (url: string) => migrateDatabase(config, url, { log, newInstallation, finish });
  if (config.database.url === undefined) {
    const running = await findRunningServer(config.dataDir);
    if (running !== undefined) return migrateAt(running.url);
  }
  const database = await openDatabase(config, log, { say: sayOnTerminal });
  try {
    return await migrateAt(database.url);
  } finally {
    await database.close();
  }
}
