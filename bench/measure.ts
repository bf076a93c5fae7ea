// SPDX-License-Identifier: GPL-3.0-or-later
/** One measurement: puts load on one target, measures CPU time and memory, and audits the database. */
import { join } from 'node:path';
import { audit } from './audit.ts';
import type { CleanUp } from './clean-up.ts';
import type { DatabaseServer } from './database-server.ts';
import type { Generator, LoadFigures } from './load.ts';
import { readMetrics } from './metrics.ts';
import type { Step } from './plan.ts';
import {
  cpuSecondsOf,
  cpuSecondsOfEndedChildren,
  peakMemoryMbOf,
  resetPeakMemory,
} from './proc.ts';
import { runToEnd } from './processes.ts';
import type { Run } from './results.ts';
import type { Target } from './targets.ts';
import { watch } from './watching.ts';
import { type Prepared, prepare, type Workload, workloads } from './workloads.ts';

const pgbenchClients = 16;
// The next load skips so many user numbers, which requests in flight at the end of the last load may have used.
const userNumberGap = 1000;
// One connection is too few to warm a process up.
const warmConnectionsMin = 64;

/** The resources that all measurements share. */
export type Bench = {
  server: DatabaseServer;
  generator: Generator;
  usualPoolMax: number;
  cleanUp: CleanUp;
};

/** A running target with its prepared workload, and the workloads that have warmed its process up. */
export type RunningTarget = {
  target: Target;
  prepared: { workload: Workload; state: Prepared } | undefined;
  warmed: Set<Workload>;
};

/** Measures once. The returned run lists its violations; the call rejects only when it could not measure. */
export async function measure(
  bench: Bench,
  running: RunningTarget,
  step: Step,
  labels: { phase: Run['phase']; round: number },
): Promise<Run> {
  const { target } = running;
  const { connections, workload: workloadName } = step;
  const workload = workloads[workloadName];
  const state = await prepareRun(bench, running, step);
  await target.database?.checkpoint();
  await warm(bench, target, { workload, state, connections, seconds: step.warmSeconds.eachRun });

  const isPeakMeasured = target.pid !== undefined && resetPeakMemory(target.pid);
  const before = await takeSnapshot(bench, target);
  const watching = watch(target, state.coupon);
  const load = await send(bench, target, { workload, state, connections, seconds: step.seconds });
  const watched = await watching?.end();
  const after = await takeSnapshot(bench, target);
  const peakMemoryMb =
    target.pid !== undefined && isPeakMeasured ? peakMemoryMbOf(target.pid) : undefined;
  await target.database?.quiet();

  const batches = after.metrics.batches - before.metrics.batches;
  const claims = after.metrics.batchedClaims - before.metrics.batchedClaims;
  return {
    ...labels,
    ...{ workload: workloadName, target: target.spec, connections, load },
    rate: load.answers / load.seconds,
    cpu: {
      ...perTenThousand('server', before.server, after.server, load),
      ...(target.database && perTenThousand('database', before.database, after.database, load)),
      ...perTenThousand('generator', before.generator, after.generator, load),
      ...perTenThousand('proxy', before.proxy, after.proxy, load),
    },
    ...(peakMemoryMb !== undefined && { peakMemoryMb }),
    ...(batches > 0 && { batchSize: claims / batches }),
    ...(watched && { watched: watched.found }),
    violations: [
      ...violationsOf(workload, load, before.metrics.outcomes, after.metrics.outcomes),
      ...(watched?.violations ?? []),
      ...(await auditOf(target, state)),
    ],
  };
}

/** Prepares the coupons, on an empty database where the workload wants one, and warms the process up. */
async function prepareRun(bench: Bench, running: RunningTarget, step: Step): Promise<Prepared> {
  const { target, warmed } = running;
  const workload = workloads[step.workload];
  if (running.prepared?.workload !== workload) {
    running.prepared = { workload, state: await prepare(workload, target) };
  }
  // Millions of claims are not written again for each run; earlier runs add little to them.
  const isKept = !workload.fresh || !target.database || (target.spec.claimsBefore ?? 0) > 0;
  const { state } = running.prepared;
  const seconds = warmed.size === 0 ? step.warmSeconds.newProcess : step.warmSeconds.newTraffic;
  if (!warmed.has(workload)) {
    const connections = Math.max(warmConnectionsMin, step.connections);
    await warm(bench, target, { workload, state, connections, seconds });
    warmed.add(workload);
  }
  if (isKept) return state;
  running.prepared.state = await prepare(workload, target);
  return running.prepared.state;
}

async function warm(bench: Bench, target: Target, sending: Sending): Promise<void> {
  if (sending.seconds === 0) return;
  await send(bench, target, sending);
  await target.database?.quiet();
}

type Sending = { workload: Workload; state: Prepared; connections: number; seconds: number };

async function send(bench: Bench, target: Target, sending: Sending): Promise<LoadFigures> {
  const { workload, state, connections, seconds } = sending;
  const isRead = workload.kind === 'get';
  const load =
    target.url === undefined
      ? await sendWithPgbench(bench, target, seconds)
      : await bench.generator.send(
          {
            url: target.url,
            path: isRead ? `/api/coupons/${state.coupon}` : '/api/coupons/claim',
            ...{ kind: workload.kind, coupon: state.coupon, coupons: workload.coupons },
            ...{ firstUser: state.lastUser, connections, seconds },
          },
          bench.cleanUp,
        );
  state.lastUser += load.answers + connections + userNumberGap;
  if (!isRead) {
    const won = load.answers - load.not2xx;
    state.expected.min += won;
    state.expected.max += won + connections + load.lost;
  }
  return load;
}

async function sendWithPgbench(
  bench: Bench,
  target: Target,
  seconds: number,
): Promise<LoadFigures> {
  const rows = await target.database?.query<{ id: string }>('select max(id) as id from coupons');
  const output = await runToEnd(
    'pgbench',
    [
      ...['--no-vacuum', '--protocol', 'prepared', '--time', String(seconds)],
      ...['--client', String(pgbenchClients), '--jobs', '1'],
      // A random start, so that each load has its own users.
      ...['--define', `number=${Math.floor(Math.random() * 10_000_000)}`],
      ...['--define', `coupon=${rows?.[0]?.id}`],
      ...['--file', join(import.meta.dirname, 'usual-design.pgbench.sql')],
      target.database?.url ?? '',
    ],
    bench.cleanUp,
  );
  const figure = (pattern: RegExp) => Number(pattern.exec(output)?.[1]);
  const answers = figure(/transactions actually processed: (\d+)/);
  const meanMs = figure(/latency average = ([\d.]+) ms/);
  return {
    ...{ answers, seconds: answers / figure(/tps = ([\d.]+)/), not2xx: 0 },
    lost: figure(/failed transactions: (\d+)/) || 0,
    // pgbench reports only the mean latency; the report says so.
    ...{ p50Ms: meanMs, p90Ms: meanMs, p99Ms: meanMs, p999Ms: meanMs, maxMs: meanMs },
  };
}

async function takeSnapshot(bench: Bench, target: Target) {
  return {
    metrics: await readMetrics(target.url),
    server: cpuSecondsOf(target.pid),
    database: bench.server.cpuSeconds(),
    generator: cpuSecondsOfEndedChildren(),
    proxy: cpuSecondsOf(target.proxyPid),
  };
}

function perTenThousand(
  component: keyof Run['cpu'],
  before: number | undefined,
  after: number | undefined,
  { answers }: LoadFigures,
): Run['cpu'] {
  if (before === undefined || after === undefined || answers === 0) return {};
  return { [component]: ((after - before) / answers) * 10_000 };
}

function violationsOf(
  workload: Workload,
  load: LoadFigures,
  before: Record<string, number>,
  after: Record<string, number>,
): string[] {
  const violations: string[] = [];
  if (load.answers === 0) violations.push('no request had a response');
  if (load.lost > 0) violations.push(`${load.lost} requests had no response`);
  const wrong = workload.check(load);
  if (wrong !== undefined) violations.push(wrong);
  for (const [outcome, count] of Object.entries(after)) {
    const more = count - (before[outcome] ?? 0);
    if (more > 0 && workload.kind !== 'get' && !workload.outcomes.includes(outcome)) {
      violations.push(`${more} claims had the unexpected outcome ${outcome}`);
    }
  }
  return violations;
}

async function auditOf({ spec, database }: Target, state: Prepared): Promise<string[]> {
  if (!database) return [];
  return audit(database, spec.kind === 'firstcome' ? 'firstcome' : 'usual design', state.expected);
}
