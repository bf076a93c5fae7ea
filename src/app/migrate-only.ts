// SPDX-License-Identifier: GPL-3.0-or-later
/** `firstcome migrate`. */
import { findRunningServer } from '../adapters/embedded-postgres/embedded-postgres.ts';
import { loadConfig } from '../config.ts';
import { migrateDatabase, openDatabase } from './database.ts';
import { createLogger } from './logger.ts';
import { sayOnTerminal } from './terminal.ts';

/** Brings the database up to date without serving, and returns the names of the migrations applied. */
export async function migrateOnly(): Promise<string[]> {
  const config = loadConfig();
  if (config.database.url === undefined) {
    const running = await findRunningServer(config.dataDir);
    if (running !== undefined) return migrateDatabase(config, running.url);
  }
  const database = await openDatabase(config, createLogger(config), { say: sayOnTerminal });
  try {
    return await migrateDatabase(config, database.url);
  } finally {
    await database.close();
  }
}
