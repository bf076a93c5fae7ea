// SPDX-License-Identifier: GPL-3.0-or-later
/** A chart on a canvas. It is made once, and then only gets other data. */
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { formatMinute, formatTimeOfDay } from '../ui/time-of-day.ts';
import { type ChartData, lonelyPoints } from './chart-data.ts';
import { colourOf, type Fill, fillOf, onSchemeChange } from './palette.ts';

/** How a chart looks. */
export type PlotLook = {
  /** `steps`: a line that holds its value for a second. `areas`: filled, each over the one before. `lines`: from point to point. */
  shape: 'steps' | 'areas' | 'lines';
  series: (Fill & { dash?: number[] })[];
  /** Where the vertical axis ends, from the lowest and highest value that are shown. */
  range: (lowest: number, highest: number) => [from: number, to: number];
  isLogarithmic?: boolean;
  formatValue: (value: number) => string;
};

/** A chart that is drawn. */
export type Plot = {
  show(data: ChartData): void;
  end(): void;
};

const heightPx = 190;
const fontPx = 12;

/** Between two lines of an axis of counts: 1, 2, 5, 10, 20, … */
const wholeSteps = Array.from({ length: 10 }, (_, power) =>
  [1, 2, 5].map((step) => step * 10 ** power),
).flat();

/** Marks of a chart are filled with these. */
export const markFills: Record<'unknown' | 'incomplete', Fill> = {
  unknown: { colour: '--chart-no-data', pattern: 'rising' },
  incomplete: { colour: '--chart-no-data', pattern: 'dots' },
};

/** Draws a chart into an element and keeps it as wide as the element. `onPoint` gets the point under the pointer. */
export function makePlot(
  element: HTMLElement,
  look: PlotLook,
  onPoint: (index: number | null) => void,
): Plot {
  let data: ChartData = { times: [], values: look.series.map(() => []), marks: [], isShown: [] };
  let cache = new Map<string, string | CanvasPattern>();
  const cached = (key: string, make: () => string | CanvasPattern) => {
    let value = cache.get(key);
    if (value === undefined) {
      value = make();
      cache.set(key, value);
    }
    return value;
  };
  const colour = (property: string) =>
    cached(property, () => colourOf(property, element)) as string;
  const fill = (one: Fill) =>
    cached(`${one.colour} ${one.pattern}`, () => fillOf(one, element, uPlot.pxRatio));

  const drawMarks = (plot: uPlot) => {
    const { bbox } = plot;
    const context = plot.root.querySelector('canvas')?.getContext('2d');
    if (context == null) return;
    for (const { kind, fromMs, untilMs } of data.marks) {
      const from = Math.max(bbox.left, plot.valToPos(fromMs / 1_000, 'x', true));
      const until = Math.min(bbox.left + bbox.width, plot.valToPos(untilMs / 1_000, 'x', true));
      context.fillStyle = fill(markFills[kind]);
      context.fillRect(from, bbox.top, Math.max(until - from, uPlot.pxRatio), bbox.height);
    }
  };

  const plot = new uPlot(optionsOf(look, { colour, fill, drawMarks, onPoint }), empty(), element);
  plot.setSize({ width: element.clientWidth, height: heightPx });
  const resizes = new ResizeObserver(() => {
    if (element.clientWidth > 0) plot.setSize({ width: element.clientWidth, height: heightPx });
  });
  resizes.observe(element);
  const endScheme = onSchemeChange(() => {
    cache = new Map();
    plot.redraw(false);
  });

  function empty(): uPlot.AlignedData {
    return [[], ...look.series.map(() => [])];
  }

  return {
    show(next) {
      data = next;
      plot.batch(() => {
        for (const [index, isShown] of next.isShown.entries()) {
          if (plot.series[index + 1]?.show !== isShown)
            plot.setSeries(index + 1, { show: isShown });
        }
        plot.setData([next.times, ...next.values]);
      });
    },
    end() {
      resizes.disconnect();
      endScheme();
      plot.destroy();
    },
  };
}

type Drawing = {
  colour: (property: string) => string;
  fill: (fill: Fill) => string | CanvasPattern;
  drawMarks: (plot: uPlot) => void;
  onPoint: (index: number | null) => void;
};

function optionsOf(look: PlotLook, drawing: Drawing): uPlot.Options {
  const { colour, drawMarks, onPoint } = drawing;
  const lines = { stroke: () => colour('--line'), width: 1 };
  const axis = {
    ...{ stroke: () => colour('--soft-text'), font: `${fontPx}px system-ui, sans-serif` },
    ...{ grid: lines, ticks: { ...lines, size: 4 } },
  };
  return {
    ...{ width: 320, height: heightPx, legend: { show: false }, padding: [8, 12, 0, 0] },
    series: [{}, ...seriesOf(look, drawing)],
    scales: {
      y: {
        ...(look.isLogarithmic ? { distr: 3 as const } : {}),
        range: (_plot, lowest, highest) => look.range(lowest, highest),
      },
    },
    axes: [
      {
        ...{ ...axis, space: 64, size: 28 },
        values: (_plot, splits, _axis, _space, step) =>
          splits.map((at) => (step < 60 ? formatTimeOfDay : formatMinute)(at * 1_000)),
      },
      {
        ...{ ...axis, size: 56, space: 32 },
        ...(look.isLogarithmic
          ? { splits: (_plot, _axis, from, to) => powersOfTen(from, to) }
          : { incrs: wholeSteps }),
        values: (_plot, splits) =>
          splits.map((value) => (value == null ? null : look.formatValue(value))),
      },
    ],
    cursor: {
      ...{ y: false, drag: { x: false, y: false }, points: { show: look.shape === 'lines' } },
      sync: { key: 'sale', scales: ['x', null] },
    },
    hooks: {
      drawClear: [drawMarks],
      setCursor: [(plot) => onPoint(pointUnderCursor(plot))],
    },
  };
}

function seriesOf(look: PlotLook, { colour, fill }: Drawing): uPlot.Series[] {
  const steps = uPlot.paths.stepped?.({ align: 1, alignGaps: 1 });
  return look.series.map((one) => ({
    stroke: () => colour(one.colour),
    ...(one.dash === undefined ? {} : { dash: one.dash }),
    ...(look.shape === 'lines'
      ? { width: 1.5, points: { show: false, size: 4, filter: lonely } }
      : { points: { show: false }, ...(steps === undefined ? {} : { paths: steps }) }),
    ...(look.shape === 'steps' ? { width: 2 } : {}),
    ...(look.shape === 'areas'
      ? { width: 0, fill: () => fill(one) as string, fillTo: () => 0 }
      : {}),
  }));
}

/** The point whose second is under the pointer, in this chart or another one. */
function pointUnderCursor(plot: uPlot): number | null {
  const [times] = plot.data;
  const { left = -1 } = plot.cursor;
  if (left < 0 || times === undefined) return null;
  const point = Math.floor(plot.posToVal(left, 'x') - (times[0] ?? 0));
  return point >= 0 && point < times.length ? point : null;
}

function powersOfTen(from: number, to: number): number[] {
  const first = Math.ceil(Math.log10(from));
  const last = Math.floor(Math.log10(to));
  return Array.from({ length: last - first + 1 }, (_, index) => 10 ** (first + index));
}

function lonely(plot: uPlot, seriesIndex: number): number[] | null {
  const points = lonelyPoints(plot.data[seriesIndex] as (number | null)[]);
  return points.length === 0 ? null : points;
}
