// SPDX-License-Identifier: GPL-3.0-or-later
/** One run: a seed chooses the faults and their times, a drill sends load, the faults end, and the audit judges. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { brokenRuleLines } from '../../src/adapters/postgres/consistency-check.ts';
import { auditHistory } from '../../src/proof/audit/audit.ts';
import { reportLines } from '../../src/proof/audit/report-lines.ts';
import { takeDump } from '../../src/proof/audit/take-dump.ts';
import { decisiveRules } from '../../src/proof/audit/verdict.ts';
import type { DrillReport } from '../../src/proof/drill/report.ts';
import { seededRandom } from '../support/fault-proxy.ts';
import { endServiceProcesses, runToEnd } from '../support/service-process.ts';
import { waitFor } from '../support/wait-for.ts';
import { ClientGateways, type ClientWay } from './client-gateway.ts';
import { Chance, type FaultRow, Injection, SkipRow, type Workshop } from './fault-row.ts';
import { isNear, type TimeSpan, wholeSpan, writeFaults } from './fault-spans.ts';
import {
  auditOptionsOf,
  calmOf,
  changesClaims,
  drillOptions,
  type FaultScenario,
} from './loads.ts';
import { Participants } from './participants.ts';
import { type Installation, PostgresServer } from './postgres-server.ts';
import { abandon, drain, heal, type Rig, rulesBrokenIn, startRig } from './rig.ts';
import { isWell, type RunResult } from './run-result.ts';
import {
  changesWithin,
  hasBegun,
  isDisturbed,
  readHead,
  readSeen,
  resolveUnknowns,
  type Seen,
} from './seen.ts';
import { startSharedRabbitMq } from './shared-rabbitmq.ts';
import { startSharedRedis } from './shared-redis.ts';

/** The environment of a run. */
export type Place = {
  installation: Installation;
  /** The server of all rows that need no server of their own. */
  server: PostgresServer;
  /** A folder for this run; removed unless it failed. */
  folder: string;
};

// Longer than any row, also one that is played again for twice the time. Only ends a drill that hangs.
const drillMsMax = 800_000;
// Calls of the client repeat claims for seconds, and those of a batch end together: too many overlap to search for an order.
const searchedOfClient = 0;
const serviceEnv = { LOG_LEVEL: 'warn', CLAIM_TIMEOUT_MS: '2000' };

/** A row with a scenario and a seed. */
export type PlannedRun = {
  row: FaultRow;
  scenario: FaultScenario;
  seed: number;
  /** With what the row has for little time. */
  isBrief: boolean;
  /** The nodes share a Redis in rows without faults of it, too. */
  hasRedis: boolean;
  /** Claims wait in RabbitMQ in rows without faults of it, too. */
  isQueued: boolean;
  /** How claims go through the client of the package; undefined: the drill sends them to the nodes. */
  client: ClientWay | undefined;
};

// Clients of the suite wait up to four seconds for an answer; the service would wait for five.
const queued: Pick<FaultRow, 'isQueued' | 'drill'> = {
  ...{ isQueued: true, drill: { prefer: 'wait=2' } },
};

/**
 * Plays one row with one seed. The drill covers the longest time that the row's faults may take. On a slow machine they
 * may take longer; then nothing can be compared, and the row is played once more with the time that they need there.
 * Rejects only when the suite itself fails.
 */
export async function playRow(planned: PlannedRun, place: Place): Promise<RunResult> {
  const row: FaultRow = {
    ...(planned.hasRedis && { redis: 'server' }),
    ...planned.row,
    ...(planned.isQueued && { ...queued, drill: { ...queued.drill, ...planned.row.drill } }),
    ...(planned.isBrief && planned.row.brief),
  };
  const run = { ...planned, row };
  const result = await playOnce(run, place);
  if (result.verdict !== 'unknown' || result.faultSeconds <= row.faultSeconds) return result;
  await rm(place.folder, { recursive: true, force: true });
  return playOnce({ ...run, row: { ...row, faultSeconds: 2 * result.faultSeconds } }, place);
}

async function playOnce(run: PlannedRun, place: Place): Promise<RunResult> {
  const startMs = performance.now();
  const { row, name } = run.row;
  const result: RunResult = {
    ...{ row, name, scenario: run.scenario, seed: run.seed },
    ...{ isBrief: run.isBrief, hasRedis: run.hasRedis, isQueued: run.isQueued },
    client: run.client,
    verdict: 'failed',
    ...{
      seconds: 0,
      asked: 0,
      wins: 0,
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
    await play({ run, place, result, undo });
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
  run: PlannedRun;
  place: Place;
  result: RunResult;
  undo: (() => Promise<void>)[];
};

async function play({ run, place, result, undo }: Play): Promise<void> {
  const { row, scenario, seed } = run;
  const { folder } = place;
  const chance = new Chance(seededRandom(seed));
  const workshop = workshopIn(place, undo);
  const server = (await row.server?.(workshop)) ?? place.server;
  const database = `run_${row.row}_${seed}`;
  undo.push(() => dropDatabase(server, database));
  const nodes = row.nodes ?? 2;
  const participants =
    scenario === 'sagas'
      ? await Participants.start(folder, nodes, (step) => undo.push(step))
      : undefined;
  const redis = row.redis && (await startSharedRedis(row.redis, (step) => undo.push(step)));
  if (row.redis !== undefined && redis === undefined) throw new SkipRow('there is no redis-server');
  const rabbitMq = row.isQueued && (await startSharedRabbitMq((step) => undo.push(step)));
  if (row.isQueued && rabbitMq === undefined) throw new SkipRow('there is no rabbitmq-server');
  const standby = row.standby?.(server);
  const rig: Rig = { server, standby, database, nodes: [], participants, redis, rabbitMq };
  // Ends the drill too, if a fault could not be injected.
  undo.push(() => abandon(rig), endServiceProcesses);
  await startRig(rig, {
    ...{ nodes, env: { ...serviceEnv, ...row.env } },
    envOf: (node) => row.envOf?.(node) ?? {},
    prepare: () => row.prepare?.(rig) ?? Promise.resolve(),
  });

  const coupon = `sale-${seed}`;
  const injection = new Injection({ scenario, rig, chance, workshop, coupon, row: row.row });
  const nodeUrls = rig.nodes.map(({ url }) => url);
  const gateways = run.client && (await ClientGateways.before(nodeUrls, run.client));
  undo.push(async () => gateways?.stop());
  const report = await drillWhile(run, { folder, urls: gateways?.urls ?? nodeUrls }, injection);
  await heal(rig);

  const historyFile = join(folder, 'history.jsonl');
  const historyBeganMs = Date.parse(readHead(historyFile)?.started_at ?? '');
  const faults = writeFaults(join(folder, 'faults.jsonl'), injection.events, historyBeganMs);
  const seen = readSeen(historyFile);
  const note = (figure: string) => result.figures.push(figure);
  const missing: string[] = [];
  const lack = (what: string) => missing.push(what);
  const broken = (await row.check?.({ scenario, rig, seen, report, faults, note, lack })) ?? [];
  broken.push(...(await drain(rig)));
  broken.push(...brokenRuleLines(await rulesBrokenIn(rig)));

  result.asked = seen.length;
  result.wins = seen.filter(({ f, type }) => f === 'claim' && type === 'ok').length;
  result.faults = faults.length;
  result.felt = seen.filter((one) => isDisturbed(one) && isNear(one.endMs, faults)).length;
  const span = wholeSpan(faults);
  result.faultSeconds = span === undefined ? 0 : (span.toMs - span.fromMs) / 1000;
  await judge({ run, folder, rig, result, seen, broken, missing, span });
}

type Judged = Pick<Play, 'run' | 'result'> & {
  folder: string;
  rig: Rig;
  seen: readonly Seen[];
  /** What the checks of the row and of the database found. */
  broken: readonly string[];
  /** What the row could not judge. */
  missing: readonly string[];
  span: TimeSpan | undefined;
};

/** Has the audit judge the run, and adds the findings to the result. */
async function judge({
  run,
  folder,
  rig,
  result,
  seen,
  broken,
  span,
  ...judged
}: Judged): Promise<void> {
  const { row, scenario } = run;
  const dump = await takeDump({
    config: { connectionString: rig.server.url(rig.database) },
    schema: 'firstcome',
  });
  await writeFile(join(folder, 'dump.json'), JSON.stringify(dump));
  result.unknowns = resolveUnknowns(seen, dump);
  const audit = await auditHistory({
    ...{ historyFile: join(folder, 'history.jsonl'), dump },
    faultsFile: row.isFelt ? join(folder, 'faults.jsonl') : undefined,
    options: {
      ...{ goodputMs: 7000, ...auditOptionsOf(scenario), ...row.audit },
      ...(run.client !== undefined && { searchClaimsMax: searchedOfClient }),
    },
  });
  result.verdict = broken.length > 0 ? 'failed' : audit.verdict;
  // The audit only notes these, since it does not know the planned length of a history.
  const uncompared = row.isFelt
    ? (audit.rules.find(({ rule }) => rule === 'R16')?.notes ?? [])
    : [];
  const missing = [...judged.missing, ...uncompared.map((note) => `R16: ${note}`)];
  if (changesClaims(scenario)) {
    const changes = span === undefined ? 0 : changesWithin(seen, span);
    result.figures.push(`${changes} changes acknowledged during the faults`);
    if (changes === 0) missing.push('no change was acknowledged during the faults');
  }
  if (result.verdict === 'passed' && missing.length > 0) {
    result.verdict = 'unknown';
    result.findings.push(...missing);
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

/** Runs the drill against the nodes, and injects the faults once there are answers to compare with. */
async function drillWhile(
  { row, scenario, seed }: PlannedRun,
  { folder, urls: drilled }: { folder: string; urls: readonly string[] },
  injection: Injection,
): Promise<DrillReport> {
  const reportFile = join(folder, 'report.json');
  const historyFile = join(folder, 'history.jsonl');
  const options: Record<string, string | number> = {
    ...drillOptions(row, scenario, injection.chance),
    ...{ coupon: injection.coupon, seed, history: historyFile, json: reportFile },
    ...injection.rig.participants?.drill.options,
  };
  const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const urls = drilled.flatMap((url) => ['--url', url]);
  const env = injection.rig.participants?.drill.env ?? {};
  const args = ['drill', scenario, ...flags, '--no-audit', ...urls];
  const drill = runToEnd(env, args, { limitMs: drillMsMax }).finally(() => {
    injection.isDrillOver = true;
  });
  const ended = drill.then(({ output }) => {
    throw new Error(`the drill ended too early:\n${output.slice(-2000)}`);
  });
  ended.catch(() => undefined);
  // The answers before the fault are counted from the first request, which comes some time after the head.
  await Promise.race([waitFor('a history', () => hasBegun(historyFile)), ended]);
  if (row.faultSeconds > 0 && row.drill?.isRateMeasured !== true) {
    await injection.pause(calmOf(scenario).before * 1000);
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

async function dropDatabase(server: PostgresServer, database: string): Promise<void> {
  if (!(await server.isRunning())) return;
  await server.query(`drop database if exists ${database} with (force)`);
}
