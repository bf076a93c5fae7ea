// SPDX-License-Identifier: GPL-3.0-or-later
/** The plots of the report. */
import type { LinePlot, PlotLine } from '../src/proof/plot/line-plot.ts';
import { tickText } from '../src/proof/plot/scale.ts';
import {
  medianOf,
  type OverloadLoad,
  type OverloadResult,
  type Results,
  type Run,
  seriesOf,
  type TargetKind,
} from './results.ts';
import type { Colour } from './svg-file.ts';

/** A plot and its file name. */
export type NamedPlot = { file: string; plot: LinePlot };

/** A line with one value for each x; undefined where nothing was measured. */
export type Line = {
  name: string;
  colour: Colour;
  dashed?: boolean;
  y: readonly (number | undefined)[];
};

const colours: Record<TargetKind, Colour> = {
  'empty handler': 'grey',
  'bare route': 'purple',
  firstcome: 'blue',
  'engine without HTTP': 'purple',
  'usual design': 'orange',
  pgbench: 'grey',
};

/** A plot over a few values of x, evenly spaced. */
export function plotOver(
  x: readonly number[],
  { lines, ...texts }: Pick<LinePlot, 'title' | 'xTitle' | 'yTitle' | 'scale'> & { lines: Line[] },
): LinePlot {
  return {
    ...texts,
    dots: true,
    xTicks: x.map((value, index) => ({ at: index, text: tickText(value) })),
    xRange: [-0.5, x.length - 0.5],
    lines: lines
      .map(
        ({ y, ...line }): PlotLine => ({
          ...line,
          points: y.flatMap((value, index) =>
            value === undefined ? [] : [[index, value] as const],
          ),
        }),
      )
      .filter(({ points }) => points.length > 0),
  };
}

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
    more: Partial<Line> = {},
  ): Line => ({
    ...{ name: kind, colour: colours[kind], ...more },
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
      plot: plotOver(x, {
        ...{ title: 'Claims a second on one hot coupon', xTitle, yTitle: 'claims/s' },
        ...{ scale: 'linear', lines: kinds.map((kind) => line(kind, (run) => run.rate)) },
      }),
    },
    {
      file: 'latency.svg',
      plot: plotOver(x, {
        ...{ title: 'Latency of a claim on one hot coupon', xTitle, yTitle: 'ms', scale: 'log' },
        lines: (['firstcome', 'usual design'] as const).flatMap((kind) => [
          line(kind, (run) => run.load.p50Ms, { name: `${kind}, p50` }),
          line(kind, (run) => run.load.p99Ms, { name: `${kind}, p99`, dashed: true }),
        ]),
      }),
    },
    {
      file: 'batch-size.svg',
      plot: plotOver(x, {
        ...{ title: 'Claims decided by one commit', xTitle, yTitle: 'claims', scale: 'log' },
        lines: [line('firstcome', (run) => run.batchSize)],
      }),
    },
  ];
  return plots.filter(({ plot }) => plot.lines.length > 0);
}

/** The plots of the overload over the planned load. */
export function overloadPlotsOf({ loads }: OverloadResult): NamedPlot[] {
  const x = loads.map(({ times }) => times);
  const xTitle = 'planned load, in multiples of the peak';
  const line = (
    name: string,
    colour: Colour,
    figure: (load: OverloadLoad) => number | undefined,
  ): Line => ({ name, colour, y: loads.map(figure) });
  // A latency of 0 means that the load has no such claim.
  const measured = (ms: number) => (ms > 0 ? ms : undefined);
  return [
    {
      file: 'overload-rate.svg',
      plot: plotOver(x, {
        ...{ title: 'Claims a second in an overload', xTitle, yTitle: 'claims/s', scale: 'linear' },
        lines: [
          line('offered', 'grey', ({ offered }) => offered),
          line('decided', 'blue', ({ decided }) => decided),
          line('no free connection', 'purple', ({ unsent }) => unsent),
          line('shed', 'orange', ({ shed }) => shed),
        ],
      }),
    },
    {
      file: 'overload-latency.svg',
      plot: plotOver(x, {
        ...{ title: 'Latency in an overload, p99', xTitle, yTitle: 'ms', scale: 'log' },
        lines: [
          line('decided', 'blue', ({ decidedMs }) => measured(decidedMs.p99)),
          line('shed', 'orange', ({ shedMs }) => measured(shedMs.p99)),
        ],
      }),
    },
  ];
}
