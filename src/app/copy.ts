// SPDX-License-Identifier: GPL-3.0-or-later
/** `firstcome copy`, between the bundled database and another PostgreSQL. */
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import {
  type BundledPostgres,
  startBundledPostgres,
} from '../adapters/bundled-postgres/bundled-postgres.ts';
import { describeLocation } from '../adapters/postgres/connections/connection-config.ts';
import {
  type CopyEnd,
  type CopySource,
  copyInstallation,
} from '../adapters/postgres/copy/copy-installation.ts';
import type { Config } from '../config.ts';
import { StartError } from '../core/errors.ts';
import type { CopyArguments, Output } from '../entrypoints/cli/program.ts';
import { commandConnection, installationIn } from './command-database.ts';
import { bundledLog } from './database.ts';
import { createLogger } from './logger.ts';
import { migrateDatabase } from './prepare-database.ts';

/** Copies the records from the database in DATA_DIR to that at DATABASE_URL, or back. */
export async function copy(
  config: Config,
  { to }: CopyArguments,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const external = config.database.url?.reveal();
  if (external === undefined) {
    throw new StartError('set DATABASE_URL: firstcome copy works between it and DATA_DIR');
  }
  if (to === 'database-url') await assertCluster(config.dataDir);
  const bundled = await startBundled(config, output, signal);
  try {
    const [from, into] = to === 'database-url' ? [bundled.url, external] : [external, bundled.url];
    const source = await sourceEnd(config, from, signal);
    const target = await targetEnd(config, into, signal);
    const tables = await copyInstallation(source, target);
    for (const { name, rows } of tables) output.stdout(`copied ${name}: ${rows} rows\n`);
    const place = to === 'database-url' ? describeLocation(external) : resolve(config.dataDir);
    output.stdout(
      `stock, claims and ledger are consistent in ${place}, schema ${target.schema}\n` +
        'Start the service on it. Do not start one on the old database: its claims would differ.\n',
    );
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new StartError('the copy was stopped before it finished\nRun it again.', {
      cause: error,
    });
  } finally {
    await bundled.stop();
  }
}

function startBundled(
  config: Config,
  output: Output,
  signal: AbortSignal,
): Promise<BundledPostgres> {
  return startBundledPostgres({
    ...{ dataDir: config.dataDir, log: bundledLog(createLogger(config)), signal },
    say: (line) => output.stdout(`${line}\n`),
  });
}

async function sourceEnd(config: Config, url: string, signal: AbortSignal): Promise<CopySource> {
  const connection = commandConnection(config, url, signal);
  const { schema, listSchema } = await installationIn(config, connection);
  return { ...connection, schema, listSchema };
}

/** The target, with the tables of this release, which this creates if they are missing. */
async function targetEnd(config: Config, url: string, signal: AbortSignal): Promise<CopyEnd> {
  const controls = { log: createLogger(config), signal, newInstallation: false, finish: false };
  const { schema } = await migrateDatabase(config, url, controls);
  return { ...commandConnection(config, url, signal), schema };
}

async function assertCluster(dataDir: string): Promise<void> {
  await stat(join(dataDir, 'postgres')).catch((error) => {
    throw new StartError(`there is no database in DATA_DIR, ${dataDir}`, { cause: error });
  });
}
