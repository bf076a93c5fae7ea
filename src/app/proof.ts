// SPDX-License-Identifier: GPL-3.0-or-later
/** The drill and the audit as commands: where they find keys and database, and what they say. */
import { existsSync } from 'node:fs';
import { open, realpath, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { findRunningServer } from '../adapters/embedded-postgres/embedded-postgres.ts';
import { connectionConfig } from '../adapters/postgres/connection-config.ts';
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

/** Plays a scenario and judges what the clients saw. */
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
    throw new DrillOptionsError([
      'faults must be a file of its own, which the drill does not write',
    ]);
  }
  await assertWritable(written);
  const database = isAudited ? await findDatabase(config) : undefined;
  if (isAudited && database === undefined) output.stdout(`nothing to judge by: ${noDatabase}\n\n`);
  const report = await runDrill(
    drillOptions,
    { write: output.stdout, isTerminal: isTTY === true, columns },
    signal,
    async ([name]) => {
      if (database && name !== undefined) await assertJudgedHere(database, name, urls);
    },
  );
  const historyFile = report.history.file;
  const byHand = `firstcome audit ${historyFile}${faults === undefined ? '' : ` --faults ${faults}`}`;
  if (database === undefined) {
    output.stdout(`\nnot judged; do so with: ${byHand}\n`);
    return 'unknown';
  }
  try {
    // Found anew: a bundled database that was started again meanwhile listens elsewhere.
    const dump = await dumpDatabase(config);
    return await judge({ historyFile, faultsFile: faults, dump }, output);
  } catch (error) {
    if (!(error instanceof StartError || error instanceof RecordingError)) throw error;
    throw new StartError(`${error.message}\nThen judge with: ${byHand}`, { cause: error });
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
 * The files are written once the drill has begun, and nobody wants to learn then that they cannot be. Each is left as it
 * was found: a drill that does not begin leaves nothing.
 */
async function assertWritable(files: string[]): Promise<void> {
  for (const file of files) {
    const isThere = existsSync(file);
    const handle = await open(file, 'a').catch(throwNaming(file));
    await handle.close();
    if (!isThere) await rm(await realpath(file));
  }
}

/** Clients of one service, judged by the database of another, would seem to have lost all that they were told. */
async function assertJudgedHere(
  database: DumpedDatabase,
  coupon: string,
  urls: string[],
): Promise<void> {
  if (await knowsCoupon(database, coupon).catch(cannotBeRead)) return;
  throw new StartError(
    `the service at ${urls.join(', ')} does not use the database that would judge it: coupon ` +
      `${coupon}, created there just now, is not in it. Say --url, or set DATABASE_URL and DATABASE_SCHEMA to those of this service.`,
  );
}

async function dumpDatabase(config: Config): Promise<Dump> {
  const database = await findDatabase(config);
  if (database === undefined) throw new StartError(`nothing to judge by: ${noDatabase}`);
  return takeDump(database).catch(cannotBeRead);
}

function cannotBeRead(error: Error): never {
  throw new StartError(`the database cannot be read: ${error.message}`, { cause: error });
}

// Each line fits into 80 columns, together with the name before it.
const noDatabase =
  'there is no database here.\n' +
  'Set DATABASE_URL to that of the service; or, where its PostgreSQL is\n' +
  'the bundled one, run this in the same folder (DATA_DIR) while the\n' +
  'service runs.';

async function findDatabase(config: Config): Promise<DumpedDatabase | undefined> {
  const url = config.database.url?.reveal() ?? (await findRunningServer(config.dataDir))?.url;
  if (url === undefined) return undefined;
  return {
    config: connectionConfig(url, { name: 'firstcome audit' }),
    schema: await schemaIn(config, url),
  };
}
