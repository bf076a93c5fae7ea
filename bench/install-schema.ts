// SPDX-License-Identifier: GPL-3.0-or-later
/** The tables and functions of the service, without a service. */
import { readdirSync, readFileSync } from 'node:fs';
import type { BenchDatabase } from './database-server.ts';

const migrations = new URL('../src/adapters/postgres/migrations/', import.meta.url);

/** Runs the migrations; `finish` false leaves out the one that drops the functions of earlier releases. */
export async function installSchema(
  database: BenchDatabase,
  { finish }: { finish: boolean },
): Promise<void> {
  await database.query('create schema firstcome');
  for (const file of readdirSync(migrations).sort()) {
    if (file.endsWith('_finish.sql') && !finish) continue;
    await database.query(readFileSync(new URL(file, migrations), 'utf8'));
  }
}
