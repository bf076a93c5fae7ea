// SPDX-License-Identifier: GPL-3.0-or-later
/** `firstcome backup` and `firstcome restore`, of the bundled database. */
import { resolve } from 'node:path';
import type { Manifest } from '../adapters/bundled-postgres/backup/manifest.ts';
import { restoreBackup } from '../adapters/bundled-postgres/backup/restore-backup.ts';
import { writeBackup } from '../adapters/bundled-postgres/backup/write-backup.ts';
import { searchPathOf, setSearchPath } from '../adapters/postgres/connections/search-path.ts';
import { brokenRuleLines, findBrokenRules } from '../adapters/postgres/consistency-check.ts';
import { readMigrations } from '../adapters/postgres/installation/find-installation.ts';
import { migrationFiles } from '../adapters/postgres/installation/migration-files.ts';
import { withStartConnection } from '../adapters/postgres/start/start-connection.ts';
import type { Config } from '../config.ts';
import { StartError } from '../core/errors.ts';
import type { BackupArguments, Output } from '../entrypoints/cli/program.ts';
import { commandConnection, installationIn } from './command-database.ts';
import { bundledLog } from './database.ts';
import { createLogger } from './logger.ts';
import { version } from './version.ts';

/** Writes the bundled database into one file. */
export async function backup(
  config: Config,
  { file, force = false }: BackupArguments,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  assertBundled(config, 'Back up the database at DATABASE_URL with pg_dump');
  const made = await writeBackup({
    ...bundledOptions(config, output, signal),
    ...{ file, force, release: version, createdAt: new Date() },
    async readInstallation(url) {
      const connection = commandConnection(config, url, signal);
      const { schema, listSchema } = await installationIn(config, connection);
      const migrations = await withStartConnection(connection, (client) =>
        readMigrations(client, listSchema),
      );
      return { schema, migrations };
    },
  });
  const { manifest, bytes } = made;
  output.stdout(
    `${made.file}\n${inMb(bytes)} MB, ${inMb(manifest.bytes)} MB before compression\n` +
      'It contains the password of the database: keep it where only operators can read it.\n' +
      `To restore it, run firstcome ${version} with an empty DATA_DIR:\n` +
      `  DATA_DIR=NEW_FOLDER firstcome restore ${made.file}\n`,
  );
}

/** Restores the bundled database from a file, and checks the restored records. */
export async function restore(
  config: Config,
  { file }: { file: string },
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  assertBundled(config, 'Restore the database at DATABASE_URL with pg_restore or psql');
  const manifest = await restoreBackup({
    ...bundledOptions(config, output, signal),
    ...{ file, migrations: migrationFiles.map(({ name }) => name) },
    check: (url, { schema }) => assertConsistent(config, url, { schema, signal }),
  });
  output.stdout(`${restoredLines(manifest, config.dataDir).join('\n')}\n`);
}

function restoredLines({ createdAt, firstcome, schema }: Manifest, dataDir: string): string[] {
  return [
    `restored the backup of ${createdAt} (firstcome ${firstcome}, schema ${schema}) into ${resolve(dataDir)}`,
    'stock, claims and ledger are consistent',
    'Claims that were confirmed after the backup are not in it.',
  ];
}

async function assertConsistent(
  config: Config,
  url: string,
  { schema, signal }: { schema: string; signal: AbortSignal },
): Promise<void> {
  const broken = await withStartConnection(
    commandConnection(config, url, signal),
    async (client) => {
      await setSearchPath(client, searchPathOf(schema));
      return await findBrokenRules(client);
    },
  );
  if (broken.length === 0) return;
  throw new StartError(
    [
      `the backup is restored in ${resolve(config.dataDir)}, but its records are not consistent:`,
      ...brokenRuleLines(broken),
      'Do not sell with it. Restore another backup into another DATA_DIR, or repair this one',
      'as docs/runbook.md#firstcomedifferences says.',
    ].join('\n'),
  );
}

function assertBundled(config: Config, advice: string): void {
  if (config.database.url === undefined) return;
  throw new StartError(
    `DATABASE_URL is set, and this command is for the bundled database in DATA_DIR\n${advice}, or unset DATABASE_URL.`,
  );
}

function bundledOptions(config: Config, output: Output, signal: AbortSignal) {
  return {
    dataDir: config.dataDir,
    say: (line: string) => output.stdout(`${line}\n`),
    log: bundledLog(createLogger(config)),
    signal,
  };
}

function inMb(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}
