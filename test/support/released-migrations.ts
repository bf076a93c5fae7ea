// SPDX-License-Identifier: GPL-3.0-or-later
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runner } from 'node-pg-migrate';

const migrations = join(import.meta.dirname, '../../src/adapters/postgres/migrations');

const released = ['0001_coupons_claims_stock_ledger', '0002_decide_claims', '0003_manage_coupons'];

/**
 * Migrates a database as release 0.1.0 does: the list of migrations is in `public`, and everything else in the first
 * schema of the role's search path.
 */
export async function migrateAsReleased(databaseUrl: string): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'firstcome-migrations-'));
  try {
    for (const name of released)
      await cp(join(migrations, `${name}.sql`), join(dir, `${name}.sql`));
    await runner({
      ...{ databaseUrl, dir, direction: 'up', migrationsTable: 'schema_migrations' },
      ...{ advisoryLockMode: 'wait', verbose: false, log: () => undefined },
    });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
