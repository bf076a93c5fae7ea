// SPDX-License-Identifier: GPL-3.0-or-later
/** One measurement: puts load on one target, measures CPU time and memory, and audits the database. */
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
import type { Run } from './results.ts';
import { type Sending, send } from './sending.ts';
import type { Target } from './targets.ts';
import { watch } from './watching.ts';
import { type Prepared, prepare, type Workload, workloads } from './workloads.ts';

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
  /** The latest rate of the coalescing client in a closed loop. */
  peakRate?: number;
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
  const sending = { workload, state, connections, warmSeconds: step.warmSeconds.newProcess };
  await warm(bench, target, { ...sending, rate: 0, seconds: step.warmSeconds.eachRun });

  const isPeakMeasured = target.pid !== undefined && resetPeakMemory(target.pid);
  const before = await takeSnapshot(bench, target);
  const watching = watch(target, state.coupon);
  const rate = (running.peakRate ?? 0) / 2;
  const load = await send(bench, target, { ...sending, rate, seconds: step.seconds });
  if (workload.client === 'loop') running.peakRate = load.answers / load.seconds;
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
      ...cpuOfProgram(target, load),
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
    await warm(bench, target, {
      ...{ workload, state, connections, seconds, warmSeconds: 0, rate: 0 },
    });
    warmed.add(workload);
  }
  if (isKept) return state;
  running.prepared.state = await prepare(workload, target);
  return running.prepared.state;
}

async function warm(bench: Bench, target: Target, sending: Sending): Promise<void> {
  if (sending.seconds === 0 || warmsUpItself(target, sending.workload)) return;
  await send(bench, target, sending);
  await target.database?.quiet();
}

function warmsUpItself({ spec }: Target, { client }: Workload): boolean {
  return client !== undefined || spec.kind === 'engine without HTTP';
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
  { answers, acknowledged }: LoadFigures,
): Run['cpu'] {
  // With the time before the measured seconds, where a load warms up itself.
  const count = acknowledged ?? answers;
  if (before === undefined || after === undefined || count === 0) return {};
  return { [component]: ((after - before) / count) * 10_000 };
}

/** A load that measures its own CPU time leaves out its start. The engine without HTTP is its own load. */
function cpuOfProgram({ spec }: Target, { answers, cpuSeconds }: LoadFigures): Run['cpu'] {
  if (cpuSeconds === undefined || answers === 0) return {};
  const cpu = (cpuSeconds / answers) * 10_000;
  return spec.kind === 'engine without HTTP' ? { server: cpu, generator: 0 } : { generator: cpu };
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
  const isFirstcome = spec.kind === 'firstcome' || spec.kind === 'engine without HTTP';
  return audit(database, isFirstcome ? 'firstcome' : 'usual design', state.expected);
}
