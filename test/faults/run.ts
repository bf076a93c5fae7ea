// SPDX-License-Identifier: GPL-3.0-or-later
/** One run: a seed chooses the faults and their times, a drill sends load, the faults end, and the audit judges. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { auditHistory } from '../../src/proof/audit/audit.ts';
import { reportLines } from '../../src/proof/audit/report-lines.ts';
import { takeDump } from '../../src/proof/audit/take-dump.ts';
import { decisiveRules } from '../../src/proof/audit/verdict.ts';
import type { DrillReport } from '../../src/proof/drill/report.ts';
import type { FaultEvent } from '../../src/proof/history.ts';
import { seededRandom } from '../support/fault-proxy.ts';
import { endServiceProcesses, runToEnd } from '../support/service-process.ts';
import { waitFor } from '../support/wait-for.ts';
import { calmSeconds, drillOptions, scenarioOf } from './drill-options.ts';
import {
  Chance,
  type FaultRow,
  type FaultSpan,
  Injection,
  SkipRow,
  type Workshop,
} from './fault-row.ts';
import { type Installation, PostgresServer } from './postgres-server.ts';
import { abandon, drain, heal, type Rig, startRig } from './rig.ts';
import {
  hasBegun,
  isDisturbed,
  readHead,
  readSeen,
  resolveUnknowns,
  type Unknowns,
} from './seen.ts';

/** The result of a run. */
export type RunResult = {
  row: number;
  name: string;
  seed: number;
  verdict: 'passed' | 'failed' | 'unknown' | 'skipped';
  seconds: number;
  /** Operations that clients began. */
  asked: number;
  wins: number;
  /** Faults that were injected. */
  faults: number;
  /** From the start of the first fault to the end of the last. */
  faultSeconds: number;
  /** Operations that were refused, slow or of unknown outcome, during a fault or soon after. */
  felt: number;
  unknowns: Unknowns;
  figures: string[];
  /** The violations, or why the run was skipped. */
  findings: string[];
};

/** Whether a run passed, or was skipped. */
export function isWell({ verdict }: RunResult): boolean {
  return verdict === 'passed' || verdict === 'skipped';
}

/** The environment of a run. */
export type Place = {
  installation: Installation;
  /** The server of all rows that need no server of their own. */
  server: PostgresServer;
  /** A folder for this run; removed unless it failed. */
  folder: string;
};

const feltMs = 5000;

const serviceEnv = { LOG_LEVEL: 'warn', CLAIM_TIMEOUT_MS: '2000' };

/**
 * Plays one row with one seed. The drill covers the longest time that the row's faults may take. On a slow machine they
 * may take longer; then nothing can be compared, and the row is played once more with the time that they need there.
 * Rejects only when the suite itself fails.
 */
export async function playRow(row: FaultRow, seed: number, place: Place): Promise<RunResult> {
  const result = await playOnce(row, seed, place);
  if (result.verdict !== 'unknown' || result.faultSeconds <= row.faultSeconds) return result;
  await rm(place.folder, { recursive: true, force: true });
  return playOnce({ ...row, faultSeconds: 2 * result.faultSeconds }, seed, place);
}

async function playOnce(row: FaultRow, seed: number, place: Place): Promise<RunResult> {
  const startMs = performance.now();
  const result: RunResult = {
    ...{ row: row.row, name: row.name, seed, verdict: 'failed', seconds: 0, asked: 0, wins: 0 },
    ...{
      faults: 0,
      faultSeconds: 0,
      felt: 0,
      unknowns: { stored: 0, notStored: 0 },
      figures: [],
      findings: [],
    },
  };
  await mkdir(place.folder, { recursive: true, mode: 0o755 });
  const undo: (() => Promise<void>)[] = [];
  try {
    await play({ row, seed, place, result, undo });
  } catch (error) {
    if (error instanceof SkipRow) result.verdict = 'skipped';
    result.findings.push(error instanceof Error ? error.message : String(error));
  } finally {
    for (const step of undo.reverse())
      await step().catch((error) => result.findings.push(String(error)));
  }
  result.seconds = (performance.now() - startMs) / 1000;
  if (isWell(result)) {
    await rm(place.folder, { recursive: true, force: true });
  } else result.findings.push(`what was recorded is in ${place.folder}`);
  return result;
}

type Play = {
  row: FaultRow;
  seed: number;
  place: Place;
  result: RunResult;
  undo: (() => Promise<void>)[];
};

async function play({ row, seed, place, result, undo }: Play): Promise<void> {
  const { folder } = place;
  const chance = new Chance(seededRandom(seed));
  const workshop = workshopIn(place, undo);
  const server = (await row.server?.(workshop)) ?? place.server;
  const database = `run_${row.row}_${seed}`;
  undo.push(() => dropDatabase(server, database));
  const rig: Rig = { server, database, nodes: [] };
  // Ends the drill too, if a fault could not be injected.
  undo.push(() => abandon(rig), endServiceProcesses);
  await startRig(rig, {
    ...{ nodes: row.nodes ?? 2, env: { ...serviceEnv, ...row.env } },
    prepare: () => row.prepare?.(rig) ?? Promise.resolve(),
  });

  const coupon = `sale-${seed}`;
  const injection = new Injection({ rig, chance, workshop, coupon, row: row.row });
  const report = await drillWhile({ row, seed, folder, rig, coupon, chance }, injection);
  await heal(rig);

  const historyFile = join(folder, 'history.jsonl');
  const faults = await writeFaults(
    folder,
    injection,
    Date.parse(readHead(historyFile)?.started_at ?? ''),
  );
  const seen = readSeen(historyFile);
  const note = (figure: string) => result.figures.push(figure);
  const broken = (await row.check?.({ rig, seen, report, faults, note })) ?? [];
  broken.push(...(await drain(rig)));

  const dump = await takeDump({
    config: { connectionString: server.url(database) },
    schema: 'firstcome',
  });
  await writeFile(join(folder, 'dump.json'), JSON.stringify(dump));
  const audit = await auditHistory({
    ...{ historyFile, dump },
    faultsFile: row.isFelt ? join(folder, 'faults.jsonl') : undefined,
    options: { goodputMs: 7000, ...row.audit },
  });
  result.asked = seen.length;
  result.wins = seen.filter(({ f, type }) => f === 'claim' && type === 'ok').length;
  result.faults = faults.length;
  result.faultSeconds = secondsOf(faults);
  result.felt = seen.filter((one) => isDisturbed(one) && isNear(one.endMs, faults)).length;
  result.unknowns = resolveUnknowns(seen, dump);
  result.verdict = broken.length > 0 ? 'failed' : audit.verdict;
  // The audit only notes these, since it does not know the planned length of a history.
  const uncompared = row.isFelt
    ? (audit.rules.find(({ rule }) => rule === 'R16')?.notes ?? [])
    : [];
  if (result.verdict === 'passed' && uncompared.length > 0) {
    result.verdict = 'unknown';
    result.findings.push(...uncompared.map((note) => `R16: ${note}`));
  }
  if (result.verdict === 'passed') return;
  await writeFile(join(folder, 'audit.txt'), `${reportLines(audit, 100).join('\n')}\n`);
  result.findings.push(...broken);
  const decisive = decisiveRules(audit.rules);
  for (const { rule, violations, notes } of audit.rules) {
    if (!decisive.includes(rule)) continue;
    for (const text of [...violations, ...notes].slice(0, 3))
      result.findings.push(`${rule}: ${text}`);
  }
}

type Attack = {
  row: FaultRow;
  seed: number;
  folder: string;
  rig: Rig;
  coupon: string;
  chance: Chance;
};

/** Runs the drill against the nodes, and injects the faults once there are answers to compare with. */
async function drillWhile(attack: Attack, injection: Injection): Promise<DrillReport> {
  const { folder, row, rig } = attack;
  const reportFile = join(folder, 'report.json');
  const historyFile = join(folder, 'history.jsonl');
  const options: Record<string, string | number> = {
    ...drillOptions(row, attack.chance),
    ...{ coupon: attack.coupon, seed: attack.seed, history: historyFile, json: reportFile },
  };
  const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const urls = rig.nodes.flatMap(({ url }) => ['--url', url]);
  const drill = runToEnd({}, ['drill', scenarioOf(row), ...flags, '--no-audit', ...urls]).finally(
    () => {
      injection.isDrillOver = true;
    },
  );
  const ended = drill.then(({ output }) => {
    throw new Error(`the drill ended too early:\n${output.slice(-2000)}`);
  });
  ended.catch(() => undefined);
  // The answers before the fault are counted from the first request, which comes some time after the head.
  await Promise.race([waitFor('a history', () => hasBegun(historyFile)), ended]);
  if (row.faultSeconds > 0 && row.drill?.isRateMeasured !== true) {
    await injection.pause(calmSeconds * 1000);
  }
  await row.inject(injection);
  const { code, output } = await drill;
  // Exit code 3: the history is not judged yet.
  if (code !== 3) throw new Error(`the drill ended with ${code}:\n${output.slice(-2000)}`);
  return JSON.parse(await readFile(reportFile, 'utf8')) as DrillReport;
}

function workshopIn({ installation, folder }: Place, undo: (() => Promise<void>)[]): Workshop {
  return {
    folder,
    onEnd: (step) => undo.push(step),
    async createServer(name, settings) {
      const server = await PostgresServer.create(installation, join(folder, name), settings);
      undo.push(() => server.remove());
      return server;
    },
  };
}

/** Writes the faults in the time of the history, and returns their spans. */
async function writeFaults(
  folder: string,
  { events }: Injection,
  historyBeganMs: number,
): Promise<FaultSpan[]> {
  const lines = events.map(
    ({ atMs, ...event }): FaultEvent => ({ t_ms: Math.max(0, atMs - historyBeganMs), ...event }),
  );
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  await writeFile(join(folder, 'faults.jsonl'), text);
  return lines.flatMap((line, index) => {
    const end = lines[index + 1];
    return line.phase === 'end' || end === undefined
      ? []
      : [{ fault: line.fault, fromMs: line.t_ms, toMs: end.t_ms }];
  });
}

function secondsOf(faults: readonly FaultSpan[]): number {
  const [first] = faults;
  const lastMs = Math.max(...faults.map(({ toMs }) => toMs));
  return first === undefined ? 0 : (lastMs - first.fromMs) / 1000;
}

function isNear(ms: number, faults: readonly FaultSpan[]): boolean {
  return faults.some(({ fromMs, toMs }) => ms >= fromMs && ms <= toMs + feltMs);
}

async function dropDatabase(server: PostgresServer, database: string): Promise<void> {
  if (!(await server.isRunning())) return;
  await server.query(`drop database if exists ${database} with (force)`);
}
