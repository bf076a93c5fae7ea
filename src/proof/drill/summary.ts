// SPDX-License-Identifier: GPL-3.0-or-later
import { counted, millis, seconds, whole } from '../numbers.ts';
import type { DrillReport } from './report.ts';

const columnsMax = 80;
const labelColumns = 22;

/** The summary of a drill: lines of at most 80 columns. */
export function summaryOf(report: DrillReport): string[] {
  const { totals, latencyMs, serviceMs, history, generator } = report;
  const shares = ['p50', 'p90', 'p99', 'p999', 'max'] as const;
  const lines = [
    '',
    `${report.scenario}, seed ${report.seed}${report.isInterrupted ? ' (interrupted)' : ''}`,
    '',
    row('requests', `${whole(totals.asked)} in ${seconds(totals.seconds)} s`),
    row('answers', `${whole(totals.answersPerSecond)}/s`),
    row('ok', `${whole(totals.ok)} served`),
    row('fail', `${whole(totals.fail)} refused, with nothing changed`),
    row('info', `${whole(totals.info)} with an unknown outcome`),
    ...(totals.notSent > 0 ? [row('never sent', whole(totals.notSent))] : []),
    ...(generator.leftOut > 0 ? [row('skipped', skippedText(generator.leftOut))] : []),
    ...saturationLines(report),
    '',
    cells('latency in ms', ['p50', 'p90', 'p99', 'p99.9', 'max']),
    cells(
      'from the planned time',
      shares.map((share) => millis(latencyMs[share])),
    ),
    cells(
      'from sending',
      shares.map((share) => millis(serviceMs[share])),
    ),
    ...phaseLines(report),
    '',
    'outcomes',
    ...Object.entries(report.outcomes)
      .sort(([, a], [, b]) => b - a)
      .map(([outcome, count]) => `  ${outcome.padEnd(36)}${whole(count).padStart(12)}`),
    '',
    ...ticketLines(report),
    ...lastReadLines(report),
    generatorLine(report),
    history === undefined
      ? 'history: none; the drill counted the answers'
      : `history: ${history.file} (${counted(history.events, 'event')})`,
  ];
  return lines.map(fitted);
}

/** Whether the generator kept to its plan, in one sentence. */
export function generatorLine({ generator }: DrillReport): string {
  const late = `at most ${millis(generator.lagMsMax)} ms behind its plan`;
  return generator.isLimit
    ? `the generator is the limit: it was ${late}`
    : `generator: ${late}, ${seconds(generator.cpuSeconds)} s of CPU`;
}

function skippedText(count: number): string {
  return `${counted(count, 'arrival')}, since the generator was late`;
}

function saturationLines(report: DrillReport): string[] {
  const { saturation, recoveredAfterS, turnedAwayUntilS } = report;
  return [
    ...(saturation === undefined
      ? []
      : [row('saturation', `${whole(saturation)} decisions/s in a closed loop`)]),
    ...(recoveredAfterS === undefined
      ? []
      : [row('recovered', `${seconds(recoveredAfterS)} s after the overload`)]),
    ...(turnedAwayUntilS === undefined
      ? []
      : [row('last turned away', `${seconds(turnedAwayUntilS)} s after the overload`)]),
  ];
}

function phaseLines({ phases }: DrillReport): string[] {
  if (phases.length < 3) return [];
  return [
    '',
    cells('phase', ['requests/s', 'decided/s', 'shed', 'unsent', 'p99 ms']),
    ...phases.map((phase) =>
      cells(phase.name, [
        whole(phase.seconds > 0 ? phase.asked / phase.seconds : 0),
        whole(phase.decidedPerSecond),
        whole(phase.answers.shed),
        whole(phase.answers.unsent),
        millis(phase.latencyMs.p99),
      ]),
    ),
  ];
}

function ticketLines({ tickets }: DrillReport): string[] {
  if (tickets === undefined) return [];
  const { accepted, unknown, decided, expired, failed, open, acceptedMs } = tickets;
  const { p50, p99 } = acceptedMs;
  return [
    'tickets',
    `  ${whole(accepted)} accepted with 202, p50 ${millis(p50)} ms, p99 ${millis(p99)} ms`,
    ...(unknown > 0 ? [`  ${whole(unknown)} of claims with an unknown outcome`] : []),
    `  ${whole(decided)} decided, ${whole(expired)} expired, ${whole(failed)} failed`,
    ...(open > 0 ? [`  ${whole(open)} without a final state`] : []),
    '',
  ];
}

function lastReadLines({ lastReads }: DrillReport): string[] {
  if (lastReads.length === 0) return [];
  return [
    'final reads',
    ...lastReads.map(({ coupon, url, outcome, amount, remainingAmount }) => {
      const text =
        amount === undefined || remainingAmount === undefined
          ? outcome
          : `${whole(remainingAmount)} of ${whole(amount)} left`;
      return `  ${text}: ${coupon} at ${url}`;
    }),
    '',
  ];
}

function row(label: string, value: string): string {
  return label.padEnd(labelColumns) + value;
}

function cells(label: string, columns: readonly string[]): string {
  return row(label, columns.map((column) => column.padStart(11)).join(''));
}

/** Replaces control characters, which a terminal would execute, and cuts the line to 80 columns. */
function fitted(line: string): string {
  const plain = line.replaceAll(/\p{Cc}/gu, '?');
  return plain.length > columnsMax ? `${plain.slice(0, columnsMax - 1)}…` : plain;
}
