// SPDX-License-Identifier: GPL-3.0-or-later
/** What the bench tells at the terminal. */
import { reachLines } from './reach.ts';
import {
  nameOf,
  type Results,
  type Run,
  type Watch,
  watchedRatios,
  watchedRuns,
} from './results.ts';
import { median, shown } from './statistics.ts';

/** One run in one line. */
export function lineOf(run: Run): string {
  const { load, cpu } = run;
  return [
    run.workload.padEnd(19),
    `${run.connections}`.padStart(5),
    ` ${nameOf(run.target)}`.padEnd(28),
    `${shown(run.rate)}/s`.padStart(11),
    `  p50 ${shown(load.p50Ms)} p99 ${shown(load.p99Ms)} p99.9 ${shown(load.p999Ms)} ms`.padEnd(40),
    ` cpu ${[cpu.server, cpu.database, cpu.generator].map((part) => shown(part) || '-').join(' ')}`,
    run.peakMemoryMb === undefined ? '' : `  ${shown(run.peakMemoryMb)} MB`,
    run.batchSize === undefined ? '' : `  batch ${shown(run.batchSize)}`,
    run.watched === undefined
      ? ''
      : `  watched ${run.watched.count} times, ${run.watched.bytes} bytes`,
  ].join('');
}

/** The table of what is to be reached, as far as this run measured it. */
export function summaryOf(results: Results): string[] {
  return [
    '',
    'medians                                                              measured       must        aim',
    ...reachLines(results).map((line) =>
      [
        line.what.padEnd(68),
        (line.value === undefined ? '-' : shown(line.value)).padStart(9),
        line.must.padStart(11),
        line.aim.padStart(11),
        line.verdict === undefined ? '' : `  ${line.verdict}`,
      ].join(''),
    ),
    ...watchedLines(results),
  ];
}

/** What each way of being watched costs, as far as it was measured. */
export function watchedLines({ runs }: Results): string[] {
  const ways: Watch[] = [1, 10, 'traced'];
  return ways.flatMap((way) => {
    const ratios = watchedRatios(runs, way).sort((one, other) => one - other);
    if (ratios.length === 0) return [];
    const told = (value = 0) => value.toFixed(3);
    const quarter = Math.floor(ratios.length / 4);
    const watched = watchedRuns(runs, way).flatMap((run) => run.watched ?? []);
    const count = shown(median(watched.map((one) => one.count)));
    const cpuRatios = watched.flatMap((one) => one.cpuRatios ?? []);
    const parts = [
      `claims with ${wordsFor(way)} ÷ without: ` +
        `${told(median(ratios))}, the median of ${ratios.length} pairs`,
      `half of them ${told(ratios[quarter])} to ${told(ratios.at(-1 - quarter))}`,
      ...(cpuRatios.length > 0
        ? [`the service's CPU time for a claim ${told(median(cpuRatios))}`]
        : []),
      `${count} ${way === 'traced' ? 'exports' : 'scrapes'} in each run`,
    ];
    return [parts.join('; ')];
  });
}

function wordsFor(way: Watch): string {
  if (way === 'traced') return 'traces';
  return `${way} ${way === 1 ? 'scrape' : 'scrapes'} a second`;
}
