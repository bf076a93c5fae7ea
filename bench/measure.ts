// SPDX-License-Identifier: GPL-3.0-or-later
/** One measurement: load on one target, what it cost, and the audit that makes it a result. */
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
// Requests that were under way when a load ended belong to users whose numbers no load uses again.
const usersApart = 1000;
// Over one connection a process would hardly get warm.
const warmConnectionsMin = 64;

/** What all measurements share. */
export type Bench = {
  server: DatabaseServer;
  generator: Generator;
  usualPoolMax: number;
  cleanUp: CleanUp;
};

/** A target, what was prepared on it, and the kinds of traffic that its process has met. */
export type Station = {
  target: Target;
  prepared: { workload: Workload; state: Prepared } | undefined;
  met: Set<Workload>;
};

/** Measures once. The run tells its violations; it rejects only when nothing could be measured. */
export async function measure(
  bench: Bench,
  station: Station,
  step: Step,
  place: { phase: Run['phase']; round: number },
): Promise<Run> {
  const { target } = station;
  const { connections, workload: workloadName } = step;
  const workload = workloads[workloadName];
  const state = await makeReady(bench, station, step);
  await target.database?.checkpoint();
  await warm(bench, target, { workload, state, connections, seconds: step.warmSeconds.eachRun });

  const isPeakMeasured = target.pid !== undefined && resetPeakMemory(target.pid);
  const before = await look(bench, target);
  const watching = watch(target, state.coupon);
  const load = await send(bench, target, { workload, state, connections, seconds: step.seconds });
  const watched = await watching?.end();
  const after = await look(bench, target);
  const peakMemoryMb =
    target.pid !== undefined && isPeakMeasured ? peakMemoryMbOf(target.pid) : undefined;
  await target.database?.quiet();

  const batches = after.metrics.batches - before.metrics.batches;
  const claims = after.metrics.batchedClaims - before.metrics.batchedClaims;
  return {
    ...place,
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

/** What there is already, or an empty database with new coupons; and a process that is compiled for this traffic. */
async function makeReady(bench: Bench, station: Station, step: Step): Promise<Prepared> {
  const { target, met } = station;
  const workload = workloads[step.workload];
  if (station.prepared?.workload !== workload) {
    station.prepared = { workload, state: await prepare(workload, target) };
  }
  // Millions of claims are not stored again for each run; the runs before add little to them.
  const isKept = !workload.fresh || !target.database || (target.spec.claimsBefore ?? 0) > 0;
  const { state } = station.prepared;
  const seconds = met.size === 0 ? step.warmSeconds.newProcess : step.warmSeconds.newTraffic;
  if (!met.has(workload)) {
    const connections = Math.max(warmConnectionsMin, step.connections);
    await warm(bench, target, { workload, state, connections, seconds });
    met.add(workload);
  }
  if (isKept) return state;
  station.prepared.state = await prepare(workload, target);
  return station.prepared.state;
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
  state.lastUser += load.answers + connections + usersApart;
  if (!isRead) {
    const won = load.answers - load.not2xx;
    state.told.min += won;
    state.told.max += won + connections + load.lost;
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
      // Each load has users of its own: the clients of one second begin where no other does.
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
    // Of latencies pgbench tells the mean; the reports say so.
    ...{ p50Ms: meanMs, p90Ms: meanMs, p99Ms: meanMs, p999Ms: meanMs, maxMs: meanMs },
  };
}

async function look(bench: Bench, target: Target) {
  return {
    metrics: await readMetrics(target.url),
    server: cpuSecondsOf(target.pid),
    database: bench.server.cpuSeconds(),
    generator: cpuSecondsOfEndedChildren(),
    proxy: cpuSecondsOf(target.proxyPid),
  };
}

function perTenThousand(
  part: keyof Run['cpu'],
  before: number | undefined,
  after: number | undefined,
  { answers }: LoadFigures,
): Run['cpu'] {
  if (before === undefined || after === undefined || answers === 0) return {};
  return { [part]: ((after - before) / answers) * 10_000 };
}

function violationsOf(
  workload: Workload,
  load: LoadFigures,
  before: Record<string, number>,
  after: Record<string, number>,
): string[] {
  const violations: string[] = [];
  if (load.answers === 0) violations.push('nothing was answered');
  if (load.lost > 0) violations.push(`${load.lost} requests had no answer`);
  const wrong = workload.check(load);
  if (wrong !== undefined) violations.push(wrong);
  for (const [outcome, count] of Object.entries(after)) {
    const more = count - (before[outcome] ?? 0);
    if (more > 0 && workload.kind !== 'get' && !workload.outcomes.includes(outcome)) {
      violations.push(`${more} claims were answered ${outcome}`);
    }
  }
  return violations;
}

async function auditOf({ spec, database }: Target, state: Prepared): Promise<string[]> {
  if (!database) return [];
  return audit(database, spec.kind === 'firstcome' ? 'firstcome' : 'usual design', state.told);
}
