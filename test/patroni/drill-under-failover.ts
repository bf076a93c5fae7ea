// SPDX-License-Identifier: GPL-3.0-or-later
/** A drill against two processes of the service while a cluster fails over, and its audit on the server that remains. */
import { join } from 'node:path';
import { auditHistory } from '../../src/proof/audit/audit.ts';
import { reportLines } from '../../src/proof/audit/report-lines.ts';
import { takeDump } from '../../src/proof/audit/take-dump.ts';
import { decisiveRules } from '../../src/proof/audit/verdict.ts';
import { hasBegun, readHead, readSeen } from '../faults/seen.ts';
import { lastFor } from '../support/last-for.ts';
import { endServiceProcesses, runToEnd, startServiceProcess } from '../support/service-process.ts';
import { waitFor } from '../support/wait-for.ts';
import type { PatroniCluster } from './patroni-cluster.ts';

/** What a drill shows. */
export type FailoverResult = {
  verdict: 'passed' | 'failed' | 'unknown';
  /** The rules that decided, with what they found. */
  findings: string[];
  /** What all nodes reported after the drill. */
  end: End;
  /** The batches that an operator accepted as lost; 0 unless `end` is `history_lost`. */
  lostBatches: number;
  /** The longest time between two acknowledged claims, in seconds. */
  downSeconds: number;
  /** When each claim was acknowledged first, in milliseconds since 1970. */
  wonMs: number[];
  /** Requests whose clients do not know what they changed. */
  unknown: number;
  report: string;
};

type End = 'ready' | 'history_lost';

// How long the last answers of a drill may take; only ends one that hangs.
const lateMsMax = 120_000;
const calmMs = 5_000;
const recoveryMsMax = 120_000;
// Each drill has a database of its own.
let drills = 0;

/**
 * Plays the drill while `inject` breaks and heals the cluster; it gets the URLs of the nodes. `urlOf` names the database of the
 * nodes. When acknowledged claims were lost, it accepts that as an operator does. Then all nodes must be ready.
 */
export async function drillUnderFailover(
  cluster: PatroniCluster,
  options: {
    folder: string;
    seconds: number;
    urlOf: (database: string) => string;
  },
  inject: (urls: string[]) => Promise<void>,
): Promise<FailoverResult> {
  const { folder, seconds, urlOf } = options;
  drills += 1;
  const database = `sale_${drills}`;
  const historyFile = join(folder, `${database}.jsonl`);
  await cluster.createDatabase(database);
  const env = { DATABASE_URL: urlOf(database), DATABASE_WAIT_MS: '120000' };
  let end: End;
  let lostBatches = 0;
  try {
    // One after the other: the first one creates the tables.
    const nodes = [await startServiceProcess(env), await startServiceProcess(env)];
    const urls = nodes.map(({ url }) => url);
    await play({ historyFile, seconds, urls }, () => inject(urls));
    end = await endOfAll(urls);
    if (end === 'history_lost') lostBatches = await acceptHistory(urls);
  } finally {
    await endServiceProcesses();
  }
  const config = cluster.configOf(await cluster.primary(), database);
  const dump = await takeDump({ config, schema: 'firstcome' });
  // Claims that wait through a failover overlap: the search for an order would give up in some runs, for all coupons.
  const limits = { searchClaimsMax: 0 };
  const audit = await auditHistory({ historyFile, dump, faultsFile: undefined, options: limits });
  const decisive = decisiveRules(audit.rules);
  const findings = audit.rules
    .filter(({ rule }) => decisive.includes(rule))
    .flatMap(({ rule, violations, notes }) =>
      [...violations, ...notes].slice(0, 3).map((text) => `${rule}: ${text}`),
    );
  const report = reportLines(audit, 100).join('\n');
  return { verdict: audit.verdict, findings, end, lostBatches, report, ...figuresOf(historyFile) };
}

/** Plays the drill. Rejects when it ends before `inject` has. */
async function play(
  { historyFile, seconds, urls }: { historyFile: string; seconds: number; urls: string[] },
  inject: () => Promise<void>,
): Promise<void> {
  const flags = ['--rate', '150', '--users', '20000', '--units', '6000', '--seconds', seconds];
  const args = [
    ...['drill', 'mixed', '--no-audit', ...flags.map(String), '--history', historyFile],
    ...urls.flatMap((url) => ['--url', url]),
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
}

/** Waits until all nodes are ready, or all refuse calls because the history is lost. */
async function endOfAll(urls: string[]): Promise<End> {
  const agreed = async () => {
    const [state, ...others] = new Set(await Promise.all(urls.map(readinessOf)));
    const isEnd = others.length === 0 && (state === 'ready' || state === 'history_lost');
    return isEnd ? state : undefined;
  };
  return waitFor(`end of the failover at ${urls}`, agreed, { timeoutMs: recoveryMsMax });
}

/** What `/readyz` of a node reports: `ready`, or why it is not. */
export async function readinessOf(url: string): Promise<string> {
  const answer = await fetch(`${url}/readyz`);
  const { reason } = (await answer.json()) as { reason?: string };
  return answer.status === 200 ? 'ready' : (reason ?? `status ${answer.status}`);
}

/** Accepts the loss by the command. Resolves to the number of lost batches, once all nodes are ready. */
async function acceptHistory([url = '', ...others]: string[]): Promise<number> {
  const args = ['accept-history', '--yes', '--json', '--url', url];
  const { code, output } = await runToEnd({}, args);
  if (code !== 0) throw new Error(`accept-history ended with ${code}:\n${output}`);
  const isReady = async () => (await endOfAll([url, ...others])) === 'ready';
  await waitFor('readiness after the loss was accepted', isReady, { timeoutMs: recoveryMsMax });
  const list = output.split('\n').find((line) => line.startsWith('{')) ?? '';
  return (JSON.parse(list) as { total: number }).total;
}

function figuresOf(historyFile: string) {
  const seen = readSeen(historyFile);
  const startMs = Date.parse(readHead(historyFile)?.started_at ?? '');
  // A replay shows an earlier claim, and needs no commit.
  const wonMs = seen
    .filter(({ f, outcome }) => f === 'claim' && outcome === 'claimed')
    .map(({ endMs }) => startMs + endMs)
    .sort((one, other) => one - other);
  const gaps = wonMs.map((ms, index) => ms - (wonMs[index - 1] ?? ms));
  return {
    wonMs,
    downSeconds: Math.max(0, ...gaps) / 1000,
    unknown: seen.filter(({ type }) => type === 'info' || type === undefined).length,
  };
}
