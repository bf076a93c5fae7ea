// SPDX-License-Identifier: GPL-3.0-or-later
import { readdirSync, readFileSync } from 'node:fs';

/** The folder that holds the migrations. */
export const migrationsFolder = new URL('../migrations/', import.meta.url);

/** The name of a migration in the list of a database, and the tables that it creates. */
export type MigrationFile = {
  name: string;
  tables: string[];
  /** Services of the release before can go on while it is applied and afterwards. */
  isCompatible: boolean;
};

/** All migrations in order. */
export const migrationFiles: readonly MigrationFile[] = readdirSync(migrationsFolder)
  .filter((file) => file.endsWith('.sql'))
  .sort()
  .map((file) => {
    const text = readFileSync(new URL(file, migrationsFolder), 'utf8');
    const tables = [...text.matchAll(/^create (?:unlogged )?table (\w+)/gm)].map(
      ([, table = '']) => table,
    );
    const isCompatible = /^-- compatible: yes$/m.test(text);
    return { name: file.replace(/\.sql$/, ''), tables, isCompatible };
  });
