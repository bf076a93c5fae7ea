// SPDX-License-Identifier: GPL-3.0-or-later
/** What the bench tells at the terminal. */
import { reachLines } from './reach.ts';
import { nameOf, type Results, type Run } from './results.ts';
import { shown } from './statistics.ts';

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
  ];
}
