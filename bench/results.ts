// SPDX-License-Identifier: GPL-3.0-or-later
/** What a run of the bench leaves behind, and how medians are taken from it. */
import type { LoadFigures } from './load.ts';
import type { Machine } from './machine.ts';
import { median, ratio } from './statistics.ts';

/** What is measured against what. */
export type TargetKind = 'empty handler' | 'bare route' | 'firstcome' | 'usual design' | 'pgbench';

/** A target; what is optional sets it apart in the runs about distance, growth and watching. */
export type TargetSpec = {
  kind: TargetKind;
  /** Added between service and database, by a proxy; undefined: no proxy. */
  roundTripMs?: number;
  /** Claims of the coupon that were stored before. */
  claimsBefore?: number;
  /** So often its metrics are read in every other second. */
  scraped?: number;
  /** It is told where to send traces. */
  traced?: true;
};

/** The kinds of traffic. */
export type WorkloadName =
  | 'hot coupon'
  | 'sold out'
  | 'double claims'
  | 'read, no claims'
  | 'read, 1,000 claims'
  | '10,000 warm coupons'
  | 'hot coupon of 100';

/** One measurement. */
export type Run = {
  phase: 'side by side' | 'distance' | 'growth' | 'scraped' | 'traced';
  workload: WorkloadName;
  target: TargetSpec;
  connections: number;
  round: number;
  /** Answers a second. */
  rate: number;
  load: LoadFigures;
  /** CPU seconds for 10,000 answers; a part is absent where it cannot be told. */
  cpu: { server?: number; database?: number; generator?: number; proxy?: number };
  peakMemoryMb?: number;
  /** Claims decided by one commit, on the average. */
  batchSize?: number;
  /** What watched the target meanwhile. */
  watched?: Watched;
  /** What is wrong with this run; one line is enough to make it no result. */
  violations: string[];
};

/** Scrapes that were answered in full, or exports of traces that arrived. */
export type Watched = {
  count: number;
  bytes: number;
  /** Of scrapes: the rate in a second with one by that in the second beside it without, of the same load. */
  ratios?: number[];
  /** The same of the service's CPU time for a claim, which tells less of what else the machine does. */
  cpuRatios?: number[];
};

/** The drop, as `drop.ts` measures it. */
export type DropResult = {
  machine: Machine;
  options: { users: number; units: number; connections: number; workers: number; seed: number };
  seconds: number;
  rate: number;
  counts: Record<string, number>;
  latencyMs: { p50: number; p90: number; p99: number; p999: number; max: number };
  peakMemoryMb?: number;
  cpuSeconds: { server?: number; database?: number; generator?: number };
  violations: string[];
};

/** The overload, as `overload.ts` measures it. Rates are per second. */
export type OverloadResult = {
  machine: Machine;
  options: {
    times: string;
    seconds: number;
    connections: number;
    /** How long a client waits for a connection, and for an answer. */
    timeoutMs: number;
    seed: number;
    /** Busy processes on the core of service and database; 0: everybody has all cores. */
    neighbours: number;
  };
  /** Decisions in a closed loop. */
  peak: number;
  recoveredAfterS: number;
  turnedAwayUntilS: number;
  /** What the clients were themselves to blame for. */
  generator: { lagMsMax: number; leftOut: number };
  loads: OverloadLoad[];
  peakMemoryMb?: number;
  cpuSeconds: { server?: number; database?: number; generator?: number };
  violations: string[];
};

/** One load of an overload: what was asked, and how it ended. */
export type OverloadLoad = {
  /** What was planned, in multiples of the peak. */
  times: number;
  /** What users wanted to ask; less than was planned where the clients were the limit. */
  offered: number;
  decided: number;
  shed: number;
  /** Asked, but never sent: no connection was free until their patience ended. */
  unsent: number;
  /** How many never heard what became of them, in all. */
  unknown: number;
  /** From the intended time. */
  decidedMs: { p50: number; p99: number };
  /** From sending. */
  shedMs: { p50: number; p99: number };
};

/** Everything that one `npm run bench` found. */
export type Results = {
  startedAt: string;
  machine: Machine;
  options: { quick: boolean; full: boolean; rounds: number; seconds: number };
  notes: string[];
  runs: Run[];
};

/** The runs that one figure is the median of, apart from those that are no result. */
export type Series = Pick<Run, 'phase' | 'workload' | 'target' | 'connections'> & {
  runs: Run[];
  failed: number;
};

/** A name that tells targets apart. */
export function nameOf({ kind, roundTripMs, claimsBefore, scraped, traced }: TargetSpec): string {
  if (roundTripMs !== undefined) return `${kind}, +${roundTripMs} ms`;
  if (claimsBefore !== undefined) return `${kind}, ${claimsBefore.toLocaleString('en-US')} claims`;
  if (scraped !== undefined) return `${kind}, ${scraped} scrapes/s`;
  return traced ? `${kind}, traced` : kind;
}

/** A way of being watched: traces are sent, or the metrics are read so many times a second. */
export type Watch = 'traced' | number;

/** The sound runs of a target that was watched in this way. */
export function watchedRuns(runs: readonly Run[], way: Watch): Run[] {
  return runs.filter(
    ({ target, violations }) =>
      violations.length === 0 && (way === 'traced' ? target.traced : target.scraped === way),
  );
}

/** The rate of a watched target divided by the rate while nobody watches, pair by pair. */
export function watchedRatios(runs: readonly Run[], way: Watch): number[] {
  return watchedRuns(runs, way).flatMap((run) => {
    if (run.watched?.ratios !== undefined) return run.watched.ratios;
    const plain = runs.find(
      ({ phase, round, target, violations }) =>
        phase === run.phase && round === run.round && !target.traced && violations.length === 0,
    );
    return ratio(run.rate, plain?.rate) ?? [];
  });
}

/** Groups runs by what they measure, in the order of their first appearance. */
export function seriesOf(runs: readonly Run[]): Series[] {
  const groups = new Map<string, Series>();
  for (const run of runs) {
    const { phase, workload, target, connections } = run;
    const key = JSON.stringify([phase, workload, nameOf(target), connections]);
    let series = groups.get(key);
    if (series === undefined) {
      series = { phase, workload, target, connections, runs: [], failed: 0 };
      groups.set(key, series);
    }
    if (run.violations.length === 0) series.runs.push(run);
    else series.failed += 1;
  }
  return [...groups.values()];
}

/** The median of one figure over a series; undefined when no run of it has the figure. */
export function medianOf(
  series: Series | undefined,
  figure: (run: Run) => number | undefined,
): number | undefined {
  return median((series?.runs ?? []).flatMap((run) => figure(run) ?? []));
}
