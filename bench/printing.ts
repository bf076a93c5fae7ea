// SPDX-License-Identifier: GPL-3.0-or-later
/** The terminal output of the bench. */
import { goalLines } from './goals.ts';
import {
  nameOf,
  type Results,
  type Run,
  type Watch,
  watchedRatios,
  watchedRuns,
} from './results.ts';
import { median, shown } from './statistics.ts';

/** Formats one run as one line. */
export function lineOf(run: Run): string {
  const { load, cpu } = run;
  return [
    run.workload.padEnd(19),
    `${run.connections}`.padStart(5),
    ` ${nameOf(run.target)}`.padEnd(28),
    `${shown(run.rate)}/s`.padStart(11),
    `  p50 ${shown(load.p50Ms)} p99 ${shown(load.p99Ms)} p99.9 ${shown(load.p999Ms)} ms`.padEnd(40),
    ` cpu ${[cpu.server, cpu.database, cpu.generator].map((seconds) => shown(seconds) || '-').join(' ')}`,
    run.peakMemoryMb === undefined ? '' : `  ${shown(run.peakMemoryMb)} MB`,
    run.batchSize === undefined ? '' : `  batch ${shown(run.batchSize)}`,
    run.watched === undefined
      ? ''
      : `  ${run.watched.count} scrapes or exports, ${run.watched.bytes} bytes`,
  ].join('');
}

/** The table of goals, with the values that this run measured. */
export function summaryOf(results: Results): string[] {
  return [
    '',
    'medians                                                              measured   required       goal',
    ...goalLines(results).map((line) =>
      [
        line.what.padEnd(68),
        (line.value === undefined ? '-' : shown(line.value)).padStart(9),
        line.required.padStart(11),
        line.goal.padStart(11),
        line.verdict === undefined ? '' : `  ${line.verdict}`,
      ].join(''),
    ),
    ...watchedLines(results),
  ];
}

/** The measured cost of scrapes and traces, one line each. */
export function watchedLines({ runs }: Results): string[] {
  const ways: Watch[] = [1, 10, 'traced'];
  return ways.flatMap((way) => {
    const ratios = watchedRatios(runs, way).sort((one, other) => one - other);
    if (ratios.length === 0) return [];
    const formatted = (value = 0) => value.toFixed(3);
    const quarter = Math.floor(ratios.length / 4);
    const watched = watchedRuns(runs, way).flatMap((run) => run.watched ?? []);
    const count = shown(median(watched.map((one) => one.count)));
    const cpuRatios = watched.flatMap((one) => one.cpuRatios ?? []);
    const facts = [
      `claims with ${textOf(way)} ÷ without: ` +
        `${formatted(median(ratios))}, the median of ${ratios.length} pairs`,
      `the middle half ${formatted(ratios[quarter])} to ${formatted(ratios.at(-1 - quarter))}`,
      ...(cpuRatios.length > 0
        ? [`CPU time per claim, with ÷ without: ${formatted(median(cpuRatios))}`]
        : []),
      `${count} ${way === 'traced' ? 'exports' : 'scrapes'} in each run`,
    ];
    return [facts.join('; ')];
  });
}

function textOf(way: Watch): string {
  if (way === 'traced') return 'traces';
  return `${way} ${way === 1 ? 'scrape' : 'scrapes'} a second`;
}
