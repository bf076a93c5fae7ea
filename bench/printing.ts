// SPDX-License-Identifier: GPL-3.0-or-later
/** What the bench tells at the terminal. */
import { reachLines } from './reach.ts';
import { nameOf, type Results, type Run, watchedRatios } from './results.ts';
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
    ...(['scraped', 'traced'] as const).flatMap((phase) => watchedLine(results, phase) ?? []),
  ];
}

/** What one way of watching costs; undefined when it was not measured. */
export function watchedLine(results: Results, phase: 'scraped' | 'traced'): string | undefined {
  const ratios = watchedRatios(results.runs, phase).sort((one, other) => one - other);
  if (ratios.length === 0) return undefined;
  const told = (value = 0) => value.toFixed(3);
  const quarter = Math.floor(ratios.length / 4);
  const watched = results.runs.flatMap((run) => (run.phase === phase && run.watched) || []);
  const count = shown(median(watched.map((one) => one.count)));
  const cpuRatios = watched.flatMap((one) => one.cpuRatios ?? []);
  const parts = [
    `claims while ${phase} ÷ while not: ${told(median(ratios))}, the median of ${ratios.length} pairs`,
    `half of them ${told(ratios[quarter])} to ${told(ratios.at(-1 - quarter))}`,
    ...(cpuRatios.length > 0 ? [`service's CPU time for a claim ${told(median(cpuRatios))}`] : []),
    `${count} ${phase === 'scraped' ? 'scrapes' : 'exports'} in each run`,
  ];
  return parts.join('; ');
}
