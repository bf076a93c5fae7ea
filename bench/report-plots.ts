// SPDX-License-Identifier: GPL-3.0-or-later
/** The plots of the report. */
import type { Plot, PlotLine } from './plot.ts';
import {
  medianOf,
  type OverloadResult,
  type Results,
  type Run,
  seriesOf,
  type TargetKind,
} from './results.ts';

/** A plot and its file name. */
export type NamedPlot = { file: string; plot: Plot };

const colours: Record<string, PlotLine['colour']> = {
  'empty handler': 0,
  'bare route': 3,
  firstcome: 1,
  'usual design': 2,
};

/** The plots of the hot coupon over the number of connections; without those that have no measured values. */
export function plotsOf(results: Results): NamedPlot[] {
  const series = seriesOf(results.runs).filter(
    ({ phase, workload, target }) =>
      phase === 'side by side' && workload === 'hot coupon' && target.kind !== 'pgbench',
  );
  const x = [...new Set(series.map(({ connections }) => connections))].sort((a, b) => a - b);
  const line = (
    kind: TargetKind,
    figure: (run: Run) => number | undefined,
    more: Partial<PlotLine> = {},
  ): PlotLine => ({
    ...{ name: kind, colour: colours[kind] ?? 0, ...more },
    y: x.map((connections) =>
      medianOf(
        series.find((one) => one.target.kind === kind && one.connections === connections),
        figure,
      ),
    ),
  });
  const kinds: TargetKind[] = ['empty handler', 'bare route', 'firstcome', 'usual design'];
  const xTitle = 'connections';
  const plots: NamedPlot[] = [
    {
      file: 'rate.svg',
      plot: {
        ...{ title: 'Claims a second on one hot coupon', xTitle, yTitle: 'claims/s', x },
        ...{ scale: 'linear', lines: kinds.map((kind) => line(kind, (run) => run.rate)) },
      },
    },
    {
      file: 'latency.svg',
      plot: {
        ...{ title: 'Latency of a claim on one hot coupon', xTitle, yTitle: 'ms', x },
        scale: 'log',
        lines: (['firstcome', 'usual design'] as const).flatMap((kind) => [
          line(kind, (run) => run.load.p50Ms, { name: `${kind}, p50` }),
          line(kind, (run) => run.load.p99Ms, { name: `${kind}, p99`, dashed: true }),
        ]),
      },
    },
    {
      file: 'batch-size.svg',
      plot: {
        ...{ title: 'Claims decided by one commit', xTitle, yTitle: 'claims', x, scale: 'log' },
        lines: [line('firstcome', (run) => run.batchSize)],
      },
    },
  ];
  return plots
    .map(({ file, plot }) => ({ file, plot: { ...plot, lines: plot.lines.filter(hasValues) } }))
    .filter(({ plot }) => plot.lines.length > 0);
}

/** The plots of the overload over the planned load. */
export function overloadPlotsOf({ loads }: OverloadResult): NamedPlot[] {
  const x = loads.map(({ times }) => times);
  const xTitle = 'planned load, in multiples of the peak';
  const line = (
    name: string,
    colour: PlotLine['colour'],
    y: readonly (number | undefined)[],
  ): PlotLine => ({ name, colour, y });
  const orNothing = (value: number) => (value > 0 ? value : undefined);
  return [
    {
      file: 'overload-rate.svg',
      plot: {
        ...{ title: 'Claims a second in an overload', xTitle, yTitle: 'claims/s', x },
        scale: 'linear',
        lines: [
          line(
            'offered',
            0,
            loads.map(({ offered }) => offered),
          ),
          line(
            'decided',
            1,
            loads.map(({ decided }) => decided),
          ),
          line(
            'no free connection',
            3,
            loads.map(({ unsent }) => unsent),
          ),
          line(
            'shed',
            2,
            loads.map(({ shed }) => shed),
          ),
        ],
      },
    },
    {
      file: 'overload-latency.svg',
      plot: {
        ...{ title: 'Latency in an overload, p99', xTitle, yTitle: 'ms', x },
        scale: 'log',
        lines: [
          line(
            'decided',
            1,
            loads.map(({ decidedMs }) => orNothing(decidedMs.p99)),
          ),
          line(
            'shed',
            2,
            loads.map(({ shedMs }) => orNothing(shedMs.p99)),
          ),
        ].filter(hasValues),
      },
    },
  ];
}

function hasValues({ y }: PlotLine): boolean {
  return y.some((value) => value !== undefined);
}
