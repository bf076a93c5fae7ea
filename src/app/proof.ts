// SPDX-License-Identifier: GPL-3.0-or-later
/** The commands `drill` and `audit`: their keys, their database and their output. */
import { existsSync } from 'node:fs';
import { open, realpath, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { findRunningServer } from '../adapters/bundled-postgres/bundled-postgres.ts';
import { configForPrimary } from '../adapters/postgres/connections/route.ts';
import type { Config } from '../config.ts';
import { StartError } from '../core/errors.ts';
import type {
  AuditArguments,
  DrillArguments,
  Output,
  Verdict,
} from '../entrypoints/cli/program.ts';
import { type AuditReport, auditHistory } from '../proof/audit/audit.ts';
import { auditAnswers } from '../proof/audit/audit-answers.ts';
import { readDump, writeDump } from '../proof/audit/dump-file.ts';
import { knowsCoupon } from '../proof/audit/knows-coupon.ts';
import { RecordingError, throwNaming } from '../proof/audit/read-lines.ts';
import { reportLines } from '../proof/audit/report-lines.ts';
import { type DumpedDatabase, takeDump } from '../proof/audit/take-dump.ts';
import { type DrillRun, runDrill } from '../proof/drill/drill.ts';
import { type Judgement, notJudged } from '../proof/drill/judgement.ts';
import { type DrillOptions, DrillOptionsError, resolveOptions } from '../proof/drill/options.ts';
import { writeReports } from '../proof/drill/write-reports.ts';
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
  const draw = isTTY === true ? (text: string) => process.stdout.write(text) : undefined;
  const drillOptions = {
    ...{ ...others, urls },
    claimApiKey: config.auth.claimApiKey?.reveal(),
    adminApiKey: config.auth.adminApiKey?.reveal(),
  } as DrillOptions;
  const { history } = resolveOptions(drillOptions, new Date());
  const { jsonReport, htmlReport } = drillOptions;
  if (faults !== undefined && history === undefined) {
    throw new DrillOptionsError([
      `${options.scenario} has no history, so it takes no faults: omit --faults`,
    ]);
  }
  const written = [history, jsonReport, htmlReport].filter((file) => file !== undefined);
  if (faults !== undefined && written.some((file) => resolve(file) === resolve(faults))) {
    throw new DrillOptionsError(['faults must be a file that the drill does not write']);
  }
  await assertWritable(written);
  const database = isAudited ? await findDatabase(config) : undefined;
  if (isAudited && database === undefined) output.stdout(`cannot audit: ${noDatabase}\n\n`);
  const run = await runDrill(
    drillOptions,
    { write: output.stdout, draw, columns },
    signal,
    async ([name]) => {
      if (database && name !== undefined) await assertSameDatabase(database, name, urls);
    },
  );
  const byHand = auditCommandFor(run, faults);
  const write = (judgement: Judgement) => writeReports(drillOptions, run.report, judgement);
  if (database === undefined) {
    const later = byHand === undefined ? noHistory : `to audit it, run: ${byHand}`;
    write(notJudged(later));
    output.stdout(`\nnot judged; ${later}\n`);
    return 'unknown';
  }
  try {
    // A bundled database may have restarted on another port.
    const dump = await dumpDatabase(config);
    const judged = await judge(run, faults, dump);
    const verdict = print(judged, output);
    write(judged);
    return verdict;
  } catch (error) {
    if (!(error instanceof StartError || error instanceof RecordingError)) throw error;
    const later = byHand === undefined ? `Drill again: ${noHistory}` : `Then audit with: ${byHand}`;
    write(notJudged(`${error.message}\n${later}`));
    throw new StartError(`${error.message}\n${later}`, { cause: error });
  }
}

/** The command that audits the drill later; undefined for a drill without a history. */
function auditCommandFor({ report }: DrillRun, faults: string | undefined): string | undefined {
  if (report.history === undefined) return undefined;
  return `firstcome audit ${report.history.file}${faults === undefined ? '' : ` --faults ${faults}`}`;
}

async function judge(
  { report, head, seen }: DrillRun,
  faultsFile: string | undefined,
  dump: Dump,
): Promise<AuditReport> {
  if (report.history !== undefined) {
    return auditHistory({ historyFile: report.history.file, faultsFile, dump });
  }
  if (seen === undefined) throw new Error('the drill has neither a history nor answers');
  return auditAnswers({ head, operations: report.totals.asked, seen, dump });
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
  if (keepIn !== undefined) await writeDump(keepIn, dump).catch(throwNaming(keepIn, 'write'));
  return print(await auditHistory({ historyFile, faultsFile: faults, dump }), output);
}

function print(report: AuditReport, output: Output): Verdict {
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
    const handle = await open(file, 'a').catch(throwNaming(file, 'write'));
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

const noHistory = 'a drill without a history cannot be audited later';

// Each line fits into 80 columns, with its prefix.
const noDatabase =
  'there is no database here.\n' +
  'Set DATABASE_URL to the database of the service. If the service uses\n' +
  'the bundled PostgreSQL, run this command with the same DATA_DIR while\n' +
  'the service runs.';

async function findDatabase(config: Config): Promise<DumpedDatabase | undefined> {
  const url = config.database.url?.reveal() ?? (await findRunningServer(config.dataDir))?.url;
  if (url === undefined) return undefined;
  const schema = await schemaIn(config, url);
  const session = { name: 'firstcome audit' };
  const { connectTimeoutMs } = config.database;
  const found = await configForPrimary(url, session, connectTimeoutMs).catch(throwUnreadable);
  return { config: found, schema };
}
