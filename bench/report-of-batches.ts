// SPDX-License-Identifier: GPL-3.0-or-later
/** The section of the report about many claims in one call, and its plots. */
import { batchConnections, batchWorkloads, callers, singleConnections } from './plan-of-batches.ts';
import { type Line, type NamedPlot, plotOver } from './report-plots.ts';
import {
  medianOf,
  type Results,
  type Run,
  type Series,
  seriesOf,
  type TargetKind,
  type WorkloadName,
} from './results.ts';
import { shown } from './statistics.ts';

const phase: Run['phase'] = 'many in one call';

/** The lines of the section; `tableOf` makes its table. No lines where nothing was measured. */
export function linesOfManyInOneCall(
  all: readonly Series[],
  plots: readonly NamedPlot[],
  tableOf: (series: readonly Series[]) => string[],
): string[] {
  const series = all.filter((one) => one.phase === phase);
  if (series.length === 0) return [];
  return [
    '`POST /api/claims/batch` takes up to 1,000 claims in one call, and the client of the package collects claims into such',
    'calls ([client.md](client.md)). *engine without HTTP* is the engine inside a program ([embedding.md](embedding.md)):',
    'callers in one process, each claiming again as soon as it has an answer. The client has as many callers, in a process',
    'of its own, and the batch calls have as many claims under way. All rows are from the same rounds. Rates are claims a',
    'second, CPU times those of 10,000 claims, and the latencies of batch calls those of the whole call.',
    '`npm run bench -- --only batch --rounds 1 --seconds 2` measures only this, in under two minutes.',
    '',
    ...plots.map(({ file, plot }) => `![${plot.title}](performance/${file})\n`),
    ...tableOf(series),
    '',
    ...figuresOfClient(series),
  ];
}

function figuresOfClient(all: readonly Series[]): string[] {
  const of = (workload: WorkloadName) => all.find((series) => series.workload === workload);
  const figure = (workload: WorkloadName, pick: (run: Run) => number | undefined) =>
    shown(medianOf(of(workload), pick)) || '-';
  const atHalf = 'client, coalescing, at half of its peak';
  const alone = 'client, one caller';
  return [
    `- At half of its peak, whatever the answers, a claim of the client takes ${figure(atHalf, ({ load }) => load.p99Ms)} ms (p99) from the moment at which it is due;`,
    `  a batch call takes ${figure(atHalf, ({ load }) => load.callMs)} ms (median), and ${figure('client, coalescing', ({ load }) => load.callMs)} ms at the peak.`,
    `- One caller on an idle service waits ${figure(alone, ({ load }) => load.p50Ms)} ms (median) with the client, and ${figure(alone, ({ load }) => load.bareFetchMs)} ms with plain \`fetch\`, in turn.`,
  ];
}

/** The rate over the number of claims in a call. */
export function batchPlotsOf(results: Results): NamedPlot[] {
  const all = seriesOf(results.runs).filter((series) => series.phase === phase);
  const find = (workload: WorkloadName, kind: TargetKind, connections: number) =>
    all.find(
      (series) =>
        series.workload === workload &&
        series.target.kind === kind &&
        series.connections === connections,
    );
  const rateOf = (...where: Parameters<typeof find>) => medianOf(find(...where), (run) => run.rate);
  const x = [1, ...batchWorkloads.map(([, entries]) => entries)];
  const level = (name: string, colour: Line['colour'], rate: number | undefined): Line => ({
    ...{ name, colour, dashed: true, y: x.map(() => rate) },
  });
  const plot = plotOver(x, {
    ...{ title: 'Claims a second by claims in a call', xTitle: 'claims in a call' },
    ...{ yTitle: 'claims/s', scale: 'linear' },
    lines: [
      {
        ...{ name: 'calls of wrk', colour: 'blue' },
        y: [
          rateOf('hot coupon', 'firstcome', singleConnections),
          ...batchWorkloads.map(([name]) => rateOf(name, 'firstcome', batchConnections(name))),
        ],
      },
      level('client, coalescing', 'orange', rateOf('client, coalescing', 'firstcome', callers)),
      level('engine without HTTP', 'purple', rateOf('hot coupon', 'engine without HTTP', callers)),
      level('empty handler', 'grey', rateOf('hot coupon', 'empty handler', singleConnections)),
    ],
  });
  return plot.lines.length === 0 ? [] : [{ file: 'claims-in-a-call.svg', plot }];
}
