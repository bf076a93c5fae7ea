// SPDX-License-Identifier: GPL-3.0-or-later
/** `firstcome migrate`. */
import { findRunningServer } from '../adapters/embedded-postgres/embedded-postgres.ts';
import { loadConfig } from '../config.ts';
import { openDatabase } from './database.ts';
import { createLogger } from './logger.ts';
import { migrateDatabase } from './prepare-database.ts';
import { sayOnTerminal } from './terminal.ts';

/** Brings the database up to date without serving, and returns the names of the migrations applied. */
export async function migrateOnly(): Promise<string[]> {
  const config = loadConfig();
  const log = createLogger(config);
  if (config.database.url === undefined) {
    const running = await findRunningServer(config.dataDir);
    if (running !== undefined) return migrateDatabase(config, running.url, { log });
  }
  const database = await openDatabase(config, log, { say: sayOnTerminal });
  try {
    return await migrateDatabase(config, database.url, { log });
  } finally {
    await database.close();
  }
}
