// SPDX-License-Identifier: GPL-3.0-or-later
/** The tables and functions of the service, without a service. */
import { readdirSync, readFileSync } from 'node:fs';
import type { BenchDatabase } from './database-server.ts';

const migrations = new URL('../src/adapters/postgres/migrations/', import.meta.url);

/** The last migration of release 0.1. */
export const lastOfRelease01 = '0003_manage_coupons.sql';

/** Runs the migrations, up to `last` if it is given. */
export async function installSchema(database: BenchDatabase, last?: string): Promise<void> {
  await database.query('create schema firstcome');
  for (const file of readdirSync(migrations).sort()) {
    await database.query(readFileSync(new URL(file, migrations), 'utf8'));
    if (file === last) return;
  }
}
