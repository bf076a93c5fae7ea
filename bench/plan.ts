// SPDX-License-Identifier: GPL-3.0-or-later
/** Chooses the measurements of a run. */
import { manyInOneCall } from './plan-of-batches.ts';
import type { Run, TargetSpec, WorkloadName } from './results.ts';

/** One workload at one number of connections: the targets take turns, round after round. */
export type Step = {
  workload: WorkloadName;
  connections: number;
  /** Every second round reverses their order, so that none gains from its position. */
  targets: TargetSpec[];
  rounds: number;
  seconds: number;
  /** Seconds of load that are not measured. */
  warmSeconds: {
    newProcess: number;
    /** For a process that has handled other traffic only. */
    newTraffic: number;
    /** For the growth phase: after a checkpoint the first change of each page writes the full page to the WAL. */
    eachRun: number;
  };
};

/**
 * Steps that share their targets. The targets of a phase run at the same time, but only one is under load. Every round
 * starts new processes, because the machine code that V8 generates differs from process to process.
 */
export type Phase = { name: Run['phase']; steps: Step[] };

/** The options of the command line that choose the measurements. */
export type PlanOptions = {
  quick: boolean;
  full: boolean;
  rounds: number | undefined;
  seconds: number | undefined;
  connections: number[] | undefined;
  only: string | undefined;
};

const empty: TargetSpec = { kind: 'empty handler' };
const bare: TargetSpec = { kind: 'bare route' };
const firstcome: TargetSpec = { kind: 'firstcome' };
const caching: TargetSpec = { kind: 'firstcome', cachesReads: true };
const usual: TargetSpec = { kind: 'usual design' };
const pgbench: TargetSpec = { kind: 'pgbench' };

/** The values of `--only`: the workloads of the first phase, and the other phases. */
export const onlyChoices: Record<string, WorkloadName | Phase['name']> = {
  hot: 'hot coupon',
  'sold-out': 'sold out',
  double: 'double claims',
  'read-none': 'read, no claims',
  'read-1000': 'read, 1,000 claims',
  'ten-thousand': '10,000 warm coupons',
  batch: 'many in one call',
  distance: 'distance',
  growth: 'growth',
  scrape: 'scraped',
  trace: 'traced',
};

/** The phases in order, without the steps that `--only` excludes. */
export function planOf(options: PlanOptions): Phase[] {
  const phases = options.quick ? quickPlan(options) : longPlan(options);
  const only = options.only === undefined ? undefined : onlyChoices[options.only];
  return phases
    .map(({ name, steps }) => ({
      name,
      steps: steps.filter(
        (step) => only === undefined || (name === 'side by side' ? step.workload : name) === only,
      ),
    }))
    .filter(({ steps }) => steps.length > 0);
}

function longPlan(options: PlanOptions): Phase[] {
  const { rounds = 3, seconds = 5, connections = [1, 16, 64, 256, 1024], full } = options;
  const others = full || options.connections !== undefined ? connections : [256];
  const at = (
    workload: WorkloadName,
    counts: number[],
    targets: TargetSpec[],
    eachRun = 0,
  ): Step[] =>
    counts.map((count) => ({
      ...{ workload, connections: count, targets, rounds, seconds },
      warmSeconds: { newProcess: 4, newTraffic: 2, eachRun },
    }));
  const claimers = [empty, bare, firstcome, usual];
  const readers = [empty, bare, firstcome];
  return [
    {
      name: 'side by side',
      steps: [
        ...at('hot coupon', connections, claimers),
        ...at('hot coupon', [16], [pgbench]),
        ...at('sold out', others, claimers),
        ...at('double claims', others, claimers),
        ...at('read, no claims', others, [...readers, caching]),
        ...at('read, 1,000 claims', others, readers),
        ...at('10,000 warm coupons', others, claimers),
      ],
    },
    { name: 'many in one call', steps: manyInOneCall({ rounds, seconds }) },
    {
      name: 'distance',
      steps: at('hot coupon', [1, ...others.filter((count) => count > 1)], distanceTargets()),
    },
    { name: 'growth', steps: at('hot coupon', [256], growthTargets(), Math.min(seconds, 5)) },
    ...(['scraped', 'traced'] as const).map((name) => watchedPhase(name, options)),
  ];
}

function quickPlan(options: PlanOptions): Phase[] {
  const { seconds = 1, connections } = options;
  const step = (
    workload: WorkloadName,
    count: number,
    targets: TargetSpec[],
    rounds: number,
  ): Step => ({
    ...{ workload, connections: count, targets, seconds },
    warmSeconds: { newProcess: 2, newTraffic: 0, eachRun: 0 },
    rounds: options.rounds ?? rounds,
  });
  const hot = connections
    ? connections.map((count) => step('hot coupon', count, [empty, firstcome, usual], 3))
    : [
        step('hot coupon', 256, [empty, firstcome, usual], 3),
        step('hot coupon', 256, [bare], 1),
        step('hot coupon', 64, [empty, firstcome, usual], 3),
        step('hot coupon', 1024, [empty, firstcome], 3),
        step('hot coupon', 1, [firstcome, usual], 3),
      ];
  return [
    {
      name: 'side by side',
      steps: [
        ...hot,
        step('hot coupon', 16, [pgbench], 1),
        step('sold out', 256, [empty, firstcome], 3),
        step('double claims', 256, [empty, firstcome, usual], 1),
        step('read, no claims', 256, [empty, bare, firstcome, caching], 1),
        step('10,000 warm coupons', 256, [empty, firstcome], 1),
      ],
    },
    {
      name: 'distance',
      steps: [step('hot coupon', 256, [firstcome, { kind: 'firstcome', roundTripMs: 2 }], 1)],
    },
  ];
}

/** The proxy with a delay of 0 ms shows the cost of the proxy itself. */
function distanceTargets(): TargetSpec[] {
  return (['firstcome', 'usual design'] as const).flatMap((kind): TargetSpec[] => [
    { kind },
    ...[0, 0.5, 2].map((roundTripMs) => ({ kind, roundTripMs })),
  ]);
}

/**
 * Scrapes and traces cost so little that only many pairs separate their cost from the noise. Scrapes can start and stop
 * from one second to the next within one load; traces need a second process that sends them.
 */
function watchedPhase(name: 'scraped' | 'traced', options: PlanOptions): Phase {
  const isOneLoad = name === 'scraped';
  const { rounds = isOneLoad ? 3 : 10, seconds = isOneLoad ? 40 : 5 } = options;
  const warmSeconds = { newProcess: 4, newTraffic: 0, eachRun: 0 };
  const targets: TargetSpec[] = isOneLoad
    ? // Ten scrapes a second too, since one costs less than the noise of many pairs.
      [1, 10].map((scraped) => ({ ...firstcome, scraped }))
    : [firstcome, { ...firstcome, traced: true }];
  const workload = 'hot coupon of 100';
  return { name, steps: [{ workload, connections: 256, targets, rounds, seconds, warmSeconds }] };
}

function growthTargets(): TargetSpec[] {
  return [0, 1_000_000, 5_000_000].map((claimsBefore) => ({ kind: 'firstcome', claimsBefore }));
}
