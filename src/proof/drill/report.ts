// SPDX-License-Identifier: GPL-3.0-or-later
import { cpus, totalmem } from 'node:os';
import type { CreatedCoupon } from './create-coupons.ts';
import type { Percentiles } from './histogram.ts';
import type { LastRead } from './last-reads.ts';
import type { DrillSettings } from './options.ts';
import { quietPhase } from './scenarios/overload.ts';
import type { ClassCounts, PhaseReport, SecondReport } from './tally.ts';

/** What a drill has found out, and where its history is. The JSON report is this, as it stands. */
export type DrillReport = {
  report: 'firstcome drill';
  version: 1;
  startedAt: string;
  scenario: string;
  seed: number;
  /** All that the drill was run with, but the API keys. */
  options: DrillSettings;
  machine: Machine;
  history: { file: string; events: number; operations: number };
  coupons: CreatedCoupon[];
  /** Whether it was ended before its plan was. */
  isInterrupted: boolean;
  generator: GeneratorReport;
  /** Decisions a second in a closed loop, where the scenario measures them. */
  saturation?: number;
  /** Seconds from the end of the overload until the service decided as much as it can again. */
  recoveredAfterS?: number;
  /** Seconds from the end of the overload until the last second that brought a shed, an unsent or an unknown. */
  turnedAwayUntilS?: number;
  totals: Totals;
  /** How many there were of each outcome in the load; those that are not of claims name their operation. */
  outcomes: Record<string, number>;
  /** How many were told to come back after so many seconds. */
  retryAfterS: Record<string, number>;
  /** From the intended time. */
  latencyMs: Percentiles;
  /** From sending. */
  serviceMs: Percentiles;
  /** Points of the latency's distribution. */
  latencyCurve: [percent: number, ms: number][];
  phases: PhaseReport[];
  series: SecondReport[];
  lastReads: LastRead[];
};

/** What the drill ran on. */
export type Machine = {
  processor: string;
  cores: number;
  memoryGb: number;
  node: string;
  platform: string;
};

/** Whether the drill itself kept to its plan. */
export type GeneratorReport = {
  /** True when it fell behind by more than `lagMsLimit`: then the figures are its own, not those of the service. */
  isLimit: boolean;
  lagMsMax: number;
  lagMsLimit: number;
  /** Arrivals that a scenario bound to its time left out, as the generator was a second late for them. */
  leftOut: number;
  cpuSeconds: number;
};

/** The load in sums: the seconds it took with all its answers, and its asks by how they ended. */
export type Totals = {
  seconds: number;
  asked: number;
  ok: number;
  fail: number;
  info: number;
  /** Waited for a connection for too long and was never asked. */
  notSent: number;
  answers: ClassCounts;
  answersPerSecond: number;
};

// Below this share of what it could have decided a service is not back yet.
const decidedShareMin = 0.9;

/** So late the generator may be before it counts as the limit. */
export const lagMsLimit = 100;

/** The machine that this runs on. */
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

/** How a service came back; empty for scenarios without an overload. */
export type Recovery = Pick<DrillReport, 'recoveredAfterS' | 'turnedAwayUntilS'>;

/**
 * When the service was back after the overload: at the end of the last second in which it decided less than 0.9 of what
 * it could have, which is `peak` decisions a second, or all that was asked. Who is still turned away while it decides as
 * much as it can is of the crowd that comes again, so that is told apart.
 *
 * Only whole seconds between the end of the overload and the end of the arrivals are judged. Of what was asked the
 * second before counts too where that was less, since a claim that waits is decided in the next second.
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
