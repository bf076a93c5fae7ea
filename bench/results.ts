// SPDX-License-Identifier: GPL-3.0-or-later
/** The results that the benches save, and the medians over them. */
import type { LoadFigures } from './load.ts';
import type { Machine } from './machine.ts';
import { median, ratio } from './statistics.ts';

/** The systems that the bench compares. */
export type TargetKind =
  | 'empty handler'
  | 'bare route'
  | 'firstcome'
  | 'engine without HTTP'
  | 'usual design'
  | 'pgbench';

/** A target. The optional fields vary it in the phases distance, growth, scraped and traced. */
export type TargetSpec = {
  kind: TargetKind;
  /** The round trip that a proxy adds between service and database; undefined: no proxy. */
  roundTripMs?: number;
  /** Claims of the coupon that are stored before the run. */
  claimsBefore?: number;
  /** Scrapes of its metrics in every other second. */
  scraped?: number;
  /** Whether it sends traces. */
  traced?: true;
  /** Whether it has a Redis, and answers reads from the stock cache that are at most a second old. */
  cachesReads?: true;
};

/** The kinds of traffic. */
export type WorkloadName =
  | 'hot coupon'
  | 'sold out'
  | 'double claims'
  | 'read, no claims'
  | 'read, 1,000 claims'
  | '10,000 warm coupons'
  | 'hot coupon of 100'
  | BatchWorkloadName
  | ClientWorkloadName;

/** Many claims in one call. */
export type BatchWorkloadName = 'batch calls of 10' | 'batch calls of 100' | 'batch calls of 1,000';

/** Claims of callers in one process, through the client. */
export type ClientWorkloadName =
  | 'client, coalescing'
  | 'client, coalescing, at half of its peak'
  | 'client, one caller';

/** One measurement. */
export type Run = {
  phase: 'side by side' | 'many in one call' | 'distance' | 'growth' | 'scraped' | 'traced';
  workload: WorkloadName;
  target: TargetSpec;
  /** Connections of the load generator; callers of a client or of the engine without HTTP. */
  connections: number;
  round: number;
  /** Responses a second; claims a second where a call has many. */
  rate: number;
  load: LoadFigures;
  /** CPU seconds for 10,000 responses; a process is absent where its CPU time cannot be measured. */
  cpu: { server?: number; database?: number; generator?: number; proxy?: number };
  peakMemoryMb?: number;
  /** The mean number of claims that one commit decides. */
  batchSize?: number;
  /** The scrapes or exported traces of this run. */
  watched?: Watched;
  /** What is wrong with this run. With a violation the run does not count. */
  violations: string[];
};

/** Completed scrapes, or received exports of traces. */
export type Watched = {
  count: number;
  bytes: number;
  /** For scrapes: the rate in a second with scrapes, divided by that in an adjacent second without. */
  ratios?: number[];
  /** The same for the service's CPU time per claim, which depends less on other load of the machine. */
  cpuRatios?: number[];
};

/** The result of `npm run bench:million`. */
export type MillionResult = {
  machine: Machine;
  options: { users: number; units: number; connections: number; seed: number };
  seconds: number;
  rate: number;
  counts: Record<string, number>;
  latencyMs: { p50: number; p90: number; p99: number; p999: number; max: number };
  peakMemoryMb?: number;
  cpuSeconds: { server?: number; database?: number; generator?: number };
  violations: string[];
};

/** The result of `npm run bench:overload`. Rates are per second. */
export type OverloadResult = {
  machine: Machine;
  options: {
    times: string;
    seconds: number;
    connections: number;
    /** How long a client waits for a connection, and then for a response. */
    timeoutMs: number;
    seed: number;
    /** Busy processes on the core of service and database; 0: all processes share all cores. */
    neighbours: number;
  };
  /** Decisions in a closed loop. */
  peak: number;
  recoveredAfterS: number;
  turnedAwayUntilS: number;
  /** How late the clients sent at most, and how many planned claims they left out. */
  generator: { lagMsMax: number; leftOut: number };
  loads: OverloadLoad[];
  peakMemoryMb?: number;
  cpuSeconds: { server?: number; database?: number; generator?: number };
  violations: string[];
};

/** One load of an overload run. */
export type OverloadLoad = {
  /** The planned load, in multiples of the peak. */
  times: number;
  /** Claims that users wanted to send; fewer than planned where the clients were the limit. */
  offered: number;
  decided: number;
  shed: number;
  /** Offered, but never sent: no connection became free within the timeout. */
  unsent: number;
  /** Sent claims without a response, in total. */
  unknown: number;
  /** Latency from the planned time. */
  decidedMs: { p50: number; p99: number };
  /** Latency from the time of sending. */
  shedMs: { p50: number; p99: number };
};

/** The results of one `npm run bench`. */
export type Results = {
  startedAt: string;
  machine: Machine;
  options: { quick: boolean; full: boolean; rounds: number; seconds: number };
  notes: string[];
  runs: Run[];
};

/** Runs of the same measurement; `runs` excludes those with violations, which `failed` counts. */
export type Series = Pick<Run, 'phase' | 'workload' | 'target' | 'connections'> & {
  runs: Run[];
  failed: number;
};

/** The unique name of a target. */
export function nameOf(spec: TargetSpec): string {
  const { kind, roundTripMs, claimsBefore, scraped, traced, cachesReads } = spec;
  if (roundTripMs !== undefined) return `${kind}, +${roundTripMs} ms`;
  if (claimsBefore !== undefined) return `${kind}, ${claimsBefore.toLocaleString('en-US')} claims`;
  if (scraped !== undefined) return `${kind}, ${scraped} scrapes/s`;
  if (cachesReads) return `${kind}, cached reads`;
  return traced ? `${kind}, traced` : kind;
}

/** How a target is monitored: it sends traces, or is scraped so many times a second. */
export type Watch = 'traced' | number;

/** The runs without violations of a target that was monitored in this way. */
export function watchedRuns(runs: readonly Run[], way: Watch): Run[] {
  return runs.filter(
    ({ target, violations }) =>
      violations.length === 0 && (way === 'traced' ? target.traced : target.scraped === way),
  );
}

/** The rate of a monitored target divided by its rate without monitoring, for each pair. */
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

/** Groups runs of the same measurement, in the order of their first appearance. */
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

/** The median of a figure over a series; undefined when no run has the figure. */
export function medianOf(
  series: Series | undefined,
  figure: (run: Run) => number | undefined,
): number | undefined {
  return median((series?.runs ?? []).flatMap((run) => figure(run) ?? []));
}
