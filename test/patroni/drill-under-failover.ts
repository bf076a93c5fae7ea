// SPDX-License-Identifier: GPL-3.0-or-later
/** A drill against two processes of the service while a cluster fails over, and its audit on the server that remains. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { auditHistory } from '../../src/proof/audit/audit.ts';
import { reportLines } from '../../src/proof/audit/report-lines.ts';
import { takeDump } from '../../src/proof/audit/take-dump.ts';
import { decisiveRules } from '../../src/proof/audit/verdict.ts';
import { hasBegun, readSeen, type Seen } from '../faults/seen.ts';
import { lastFor } from '../support/last-for.ts';
import { endServiceProcesses, runToEnd, startServiceProcess } from '../support/service-process.ts';
import { waitFor } from '../support/wait-for.ts';
import type { PatroniCluster } from './patroni-cluster.ts';

/** What a drill shows. */
export type FailoverResult = {
  verdict: 'passed' | 'failed' | 'unknown';
  /** The rules that decided, with what they found. */
  findings: string[];
  /** The longest time between two acknowledged claims, in seconds. */
  downSeconds: number;
  /** Acknowledged claims. */
  wins: number;
  report: string;
};

// How long the last answers of a drill may take; only ends one that hangs.
const lateMsMax = 120_000;
const calmMs = 5_000;
const recoveryMsMax = 120_000;

/** Plays the drill while `inject` breaks and heals the cluster. With `mayLose` the service need not be well again. */
export async function drillUnderFailover(
  cluster: PatroniCluster,
  options: { name: string; folder: string; seconds: number; mayLose?: boolean },
  inject: () => Promise<void>,
): Promise<FailoverResult> {
  const { name, seconds, mayLose = false } = options;
  const folder = join(options.folder, name);
  await mkdir(folder);
  const historyFile = join(folder, 'history.jsonl');
  const database = `sale_${name}`;
  await cluster.createDatabase(database);
  const env = {
    DATABASE_URL: cluster.urlOf(database),
    DATABASE_WAIT_MS: '120000',
  };
  try {
    // One after the other: the first one creates the tables.
    const nodes = [await startServiceProcess(env), await startServiceProcess(env)];
    const flags = ['--rate', '150', '--users', '20000', '--units', '6000', '--seconds', seconds];
    const args = [
      ...['drill', 'mixed', '--no-audit', ...flags.map(String), '--history', historyFile],
      ...nodes.flatMap(({ url }) => ['--url', url]),
    ];
    const drill = runToEnd({}, args, { limitMs: 1000 * seconds + lateMsMax });
    const ended = drill.then(({ output }) => {
      throw new Error(`the drill ended too early:\n${output.slice(-2000)}`);
    });
    ended.catch(() => undefined);
    await Promise.race([waitFor('a history', () => hasBegun(historyFile)), ended]);
    await lastFor(calmMs);
    await inject();
    const { code, output } = await drill;
    // Exit code 3: the history is not judged yet.
    if (code !== 3) throw new Error(`the drill ended with ${code}:\n${output.slice(-2000)}`);
    if (!mayLose) await Promise.all(nodes.map(({ url }) => untilReady(url)));
  } finally {
    await endServiceProcesses();
  }
  const { port } = await cluster.primary();
  const config = { host: '127.0.0.1', port, user: 'postgres', database };
  const dump = await takeDump({ config, schema: 'firstcome' });
  const audit = await auditHistory({ historyFile, dump, faultsFile: undefined });
  const seen = readSeen(historyFile).filter(({ f, type }) => f === 'claim' && type === 'ok');
  const decisive = decisiveRules(audit.rules);
  return {
    verdict: audit.verdict,
    findings: audit.rules
      .filter(({ rule }) => decisive.includes(rule))
      .flatMap(({ rule, violations }) => violations.slice(0, 3).map((text) => `${rule}: ${text}`)),
    downSeconds: longestGapMs(seen) / 1000,
    wins: seen.length,
    report: reportLines(audit, 100).join('\n'),
  };
}

async function untilReady(url: string): Promise<void> {
  const isReady = async () => (await fetch(`${url}/readyz`)).status === 200;
  await waitFor(`readiness of ${url}`, isReady, { timeoutMs: recoveryMsMax });
}

function longestGapMs(wins: readonly Seen[]): number {
  const times = wins.map(({ endMs }) => endMs).sort((one, other) => one - other);
  return Math.max(0, ...times.map((ms, index) => ms - (times[index - 1] ?? ms)));
}
