// SPDX-License-Identifier: GPL-3.0-or-later
import { cpus, totalmem } from 'node:os';
import type { CreatedCoupon } from './create-coupons.ts';
import type { Percentiles } from './histogram.ts';
import type { LastRead } from './last-reads.ts';
import type { DrillSettings } from './options.ts';
import { quietPhase } from './scenarios/overload.ts';
import type { ClassCounts, PhaseReport, SecondReport } from './tally.ts';
import type { TicketCounts } from './ticket-follower.ts';

/** The results of a drill, and the file of its history. The JSON report has exactly these members. */
export type DrillReport = {
  report: 'firstcome drill';
  version: 1;
  startedAt: string;
  scenario: string;
  seed: number;
  /** All settings of the drill except the API keys. */
  options: DrillSettings;
  machine: Machine;
  /** Undefined where the scenario has no history. */
  history?: { file: string; events: number; operations: number };
  coupons: CreatedCoupon[];
  /** Whether the drill ended before its plan did. */
  isInterrupted: boolean;
  generator: GeneratorReport;
  /** Decisions a second in a closed loop, where the scenario measures them. */
  saturation?: number;
  /** Seconds from the end of the overload until the service works at full rate again. */
  recoveredAfterS?: number;
  /** Seconds from the end of the overload to the end of the last second with a shed, unsent or unknown request. */
  turnedAwayUntilS?: number;
  totals: Totals;
  /** The count of each outcome in the load. Outcomes of operations other than claims are prefixed with the operation. */
  outcomes: Record<string, number>;
  /** The number of answers for each value of `Retry-After`, in seconds. */
  retryAfterS: Record<string, number>;
  /** From the planned time. */
  latencyMs: Percentiles;
  /** From the time of sending. */
  serviceMs: Percentiles;
  /** The tickets of the claims that were answered with 202, or with an unknown outcome; undefined without any. */
  tickets?: TicketCounts & {
    /** From the planned time to the 202. All other times are until the final state was read. */
    acceptedMs: Percentiles;
  };
  /** Points of the latency distribution. */
  latencyCurve: [percent: number, ms: number][];
  phases: PhaseReport[];
  series: SecondReport[];
  lastReads: LastRead[];
};

/** The machine that ran the drill. */
export type Machine = {
  processor: string;
  cores: number;
  memoryGb: number;
  node: string;
  platform: string;
};

/** Whether the generator kept to its plan. */
export type GeneratorReport = {
  /** True when it fell behind by more than `lagMsLimit`: then the figures measure the generator, not the service. */
  isLimit: boolean;
  lagMsMax: number;
  lagMsLimit: number;
  /** Arrivals that a time-bound scenario skipped, since the generator was more than a second late. */
  leftOut: number;
  cpuSeconds: number;
};

/** The totals of the load: its duration until the last answer, and its requests by how they ended. */
export type Totals = {
  seconds: number;
  asked: number;
  ok: number;
  fail: number;
  info: number;
  /** Timed out in the queue for a connection; never sent. */
  notSent: number;
  answers: ClassCounts;
  answersPerSecond: number;
};

// Below this share of the possible decisions a service has not recovered.
const decidedShareMin = 0.9;

/** A generator that is later than this is the limit of the measurement. */
export const lagMsLimit = 100;

/** Describes the machine that runs this process. */
export function readMachine(): Machine {
  const processors = cpus();
  return {
    processor: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memoryGb: Math.round((totalmem() / 2 ** 30) * 10) / 10,
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
  };
}

/** How the service recovered; empty for scenarios without an overload. */
export type Recovery = Pick<DrillReport, 'recoveredAfterS' | 'turnedAwayUntilS'>;

/**
 * The service has recovered at the end of the last second in which it decided less than 0.9 of what was possible. The
 * possible decisions are `peak` a second, or all requests if they are fewer. Requests that are shed while the service
 * decides at full rate come from the retries of the overload, so `turnedAwayUntilS` reports them separately.
 *
 * Only whole seconds between the end of the overload and the end of the arrivals count. The requests of the second
 * before count too if they were fewer, since a claim that waits is decided in the next second.
 */
export function recoveryOf(
  phases: readonly PhaseReport[],
  series: readonly SecondReport[],
  peak: number,
): Recovery {
  const quiet = phases.find(({ name }) => name === quietPhase);
  if (quiet === undefined) return {};
  const fromS = quiet.fromS;
  const toS = fromS + quiet.seconds;
  const endOf = (last: SecondReport | undefined) =>
    last === undefined ? 0 : Math.max(0, last.second + 1 - fromS);
  const short = series.findLast(({ second, asked, answers }, index) => {
    if (second < fromS || second + 1 > toS) return false;
    const possible = Math.min(peak, asked, series[index - 1]?.asked ?? asked);
    return answers.won + answers.refused < possible * decidedShareMin;
  });
  const turnedAway = series.findLast(
    ({ second, answers }) =>
      second + 1 > fromS && answers.shed + answers.unsent + answers.unknown > 0,
  );
  return { recoveredAfterS: endOf(short), turnedAwayUntilS: endOf(turnedAway) };
}
