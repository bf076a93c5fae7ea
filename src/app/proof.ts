// SPDX-License-Identifier: GPL-3.0-or-later
/** The commands `drill` and `audit`: their keys, their database and their output. */
import { existsSync } from 'node:fs';
import { open, realpath, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { findRunningServer } from '../adapters/bundled-postgres/bundled-postgres.ts';
import { connectionConfig } from '../adapters/postgres/connections/connection-config.ts';
import type { Config } from '../config.ts';
import { StartError } from '../core/errors.ts';
import type {
  AuditArguments,
  DrillArguments,
  Output,
  Verdict,
} from '../entrypoints/cli/program.ts';
import { auditHistory } from '../proof/audit/audit.ts';
import { readDump, writeDump } from '../proof/audit/dump-file.ts';
import { knowsCoupon } from '../proof/audit/knows-coupon.ts';
import { RecordingError, throwNaming } from '../proof/audit/read-lines.ts';
import { reportLines } from '../proof/audit/report-lines.ts';
import { type DumpedDatabase, takeDump } from '../proof/audit/take-dump.ts';
import { runDrill } from '../proof/drill/drill.ts';
import { assertOptions, type DrillOptions, DrillOptionsError } from '../proof/drill/options.ts';
import type { Dump } from '../proof/dump.ts';
import { ownUrl } from './own-url.ts';
import { schemaIn } from './prepare-database.ts';

/** Runs a scenario, and audits what the clients saw. */
export async function drill(
  config: Config,
  options: DrillArguments,
  output: Output,
  signal: AbortSignal,
): Promise<Verdict> {
  const { host, port } = config.http;
  const { audit: isAudited, faults, urls = [ownUrl(host, port)], ...others } = options;
  const { isTTY, columns } = process.stdout;
  const drillOptions = {
    ...{ ...others, urls },
    claimApiKey: config.auth.claimApiKey?.reveal(),
    adminApiKey: config.auth.adminApiKey?.reveal(),
  } as DrillOptions;
  assertOptions(drillOptions);
  const { history, jsonReport, htmlReport } = drillOptions;
  const written = [history, jsonReport, htmlReport].filter((file) => file !== undefined);
  if (faults !== undefined && written.some((file) => resolve(file) === resolve(faults))) {
    throw new DrillOptionsError(['faults must be a file that the drill does not write']);
  }
  await assertWritable(written);
  const database = isAudited ? await findDatabase(config) : undefined;
  if (isAudited && database === undefined) output.stdout(`cannot audit: ${noDatabase}\n\n`);
  const report = await runDrill(
    drillOptions,
    { write: output.stdout, isTerminal: isTTY === true, columns },
    signal,
    async ([name]) => {
      if (database && name !== undefined) await assertSameDatabase(database, name, urls);
    },
  );
  const historyFile = report.history.file;
  const byHand = `firstcome audit ${historyFile}${faults === undefined ? '' : ` --faults ${faults}`}`;
  if (database === undefined) {
    output.stdout(`\nnot judged; to audit it, run: ${byHand}\n`);
    return 'unknown';
  }
  try {
    // A bundled database may have restarted on another port.
    const dump = await dumpDatabase(config);
    return await judge({ historyFile, faultsFile: faults, dump }, output);
  } catch (error) {
    if (!(error instanceof StartError || error instanceof RecordingError)) throw error;
    throw new StartError(`${error.message}\nThen audit with: ${byHand}`, { cause: error });
  }
}

/** Judges a recorded history. */
export async function audit(
  config: Config,
  { historyFile, faults, dump: dumpFile, writeDump: keepIn }: AuditArguments,
  output: Output,
): Promise<Verdict> {
  const dump =
    dumpFile === undefined
      ? await dumpDatabase(config)
      : await readDump(dumpFile).catch(throwNaming(dumpFile));
  if (keepIn !== undefined) await writeDump(keepIn, dump).catch(throwNaming(keepIn));
  return judge({ historyFile, faultsFile: faults, dump }, output);
}

async function judge(
  input: { historyFile: string; faultsFile?: string | undefined; dump: Dump },
  output: Output,
): Promise<Verdict> {
  const report = await auditHistory(input);
  output.stdout(`\n${reportLines(report, process.stdout.columns).join('\n')}\n`);
  return report.verdict;
}

/**
 * Fails early when a file cannot be written, since the drill writes its files only after it has started. It changes no
 * file and leaves no new one.
 */
async function assertWritable(files: string[]): Promise<void> {
  for (const file of files) {
    const isThere = existsSync(file);
    const handle = await open(file, 'a').catch(throwNaming(file));
    await handle.close();
    if (!isThere) await rm(await realpath(file));
  }
}

/** Fails early when the service uses another database, where every acknowledged claim would count as lost. */
async function assertSameDatabase(
  database: DumpedDatabase,
  coupon: string,
  urls: string[],
): Promise<void> {
  if (await knowsCoupon(database, coupon).catch(throwUnreadable)) return;
  throw new StartError(
    `the service at ${urls.join(', ')} uses another database:\n` +
      `its new coupon ${coupon}\n` +
      'is not in this one. Set --url to the service of this database, or DATABASE_URL\n' +
      'and DATABASE_SCHEMA to the database of the service.',
  );
}

async function dumpDatabase(config: Config): Promise<Dump> {
  const database = await findDatabase(config);
  if (database === undefined) throw new StartError(`cannot audit: ${noDatabase}`);
  return takeDump(database).catch(throwUnreadable);
}

function throwUnreadable(error: Error): never {
  throw new StartError(`the database cannot be read: ${error.message}`, { cause: error });
}

// Each line fits into 80 columns, with its prefix.
const noDatabase =
  'there is no database here.\n' +
  'Set DATABASE_URL to the database of the service. If the service uses the\n' +
  'bundled PostgreSQL, run this command with the same DATA_DIR while the\n' +
  'service runs.';

async function findDatabase(config: Config): Promise<DumpedDatabase | undefined> {
  const url = config.database.url?.reveal() ?? (await findRunningServer(config.dataDir))?.url;
  if (url === undefined) return undefined;
  return {
    config: connectionConfig(url, { name: 'firstcome audit' }),
    schema: await schemaIn(config, url),
  };
}
