// SPDX-License-Identifier: GPL-3.0-or-later
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runner } from 'node-pg-migrate';
import { createEmptyDatabase, migrateDatabase, type TestDatabase } from './test-database.ts';

const migrations = join(import.meta.dirname, '../../src/adapters/postgres/migrations');

/** The last migration before holds and releases. */
export const lastOfReleaseBefore = '0008_archive_coupons_and_log_operators';

/** The last migration of release 0.1.0. */
const lastOfFirstRelease = '0003_manage_coupons';

/**
 * Migrates a database as release 0.1.0 does: the list of migrations is in `public`, and everything else in the first
 * schema of the role's search path. With `last`, it goes on to that migration.
 */
export async function migrateAsReleased(
  databaseUrl: string,
  last: string = lastOfFirstRelease,
): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'firstcome-migrations-'));
  const files = (await readdir(migrations)).filter((file) => file <= `${last}.sql`);
  try {
    for (const file of files) await cp(join(migrations, file), join(dir, file));
    await runner({
      ...{ databaseUrl, dir, direction: 'up', migrationsTable: 'schema_migrations' },
      ...{ advisoryLockMode: 'wait', verbose: false, log: () => undefined },
    });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** A database of the release before after the first start of this one: it has the functions of both. */
export async function createUnfinishedDatabase(): Promise<TestDatabase> {
  const database = await createEmptyDatabase();
  await database.query('create schema firstcome');
  await migrateAsReleased(database.url, lastOfReleaseBefore);
  await migrateDatabase(database.url);
  return database;
}
