// SPDX-License-Identifier: GPL-3.0-or-later
import { axes, type Drawing, frame, inColour, legend, round, type Tick } from './drawing.ts';
import { linearTicks, logTicks, tickText } from './scale.ts';

/** A line of a plot. */
export type PlotLine = {
  name: string;
  /** A colour name of the page's style sheet. */
  colour: string;
  dashed?: boolean;
  points: readonly (readonly [x: number, y: number])[];
};

/** Lines over an axis. */
export type LinePlot = {
  title: string;
  xTitle: string;
  yTitle: string;
  xTicks: readonly Tick[];
  /** The ends of the x axis; without it, the smallest and the largest x. */
  xRange?: readonly [from: number, to: number];
  /** `log` for values that span powers of ten, such as durations. */
  scale: 'linear' | 'log';
  /** Draws a dot at each point, for plots with few of them. */
  dots?: boolean;
  lines: readonly PlotLine[];
};

/** Draws a line plot. */
export function drawLines(plot: LinePlot): Drawing {
  const { title, xTitle, yTitle, xTicks, lines, dots = false } = plot;
  const values = lines.flatMap(({ points }) => points.map(([, y]) => y));
  const yTicks = plot.scale === 'log' ? logTicks(values) : linearTicks(values);
  const toX = xScale(plot);
  const toY = yScale(plot.scale, yTicks);
  return {
    title,
    elements: [
      ...axes({
        ...{ title, xTitle, yTitle },
        xTicks: xTicks.map(({ at, text }) => ({ at: toX(at), text })),
        yTicks: yTicks.map((value) => ({ at: toY(value), text: tickText(value) })),
      }),
      ...lines.map(({ colour, dashed, points }) => {
        const placed = points.map(([x, y]) => [round(toX(x)), round(toY(y))]);
        const path = placed.map(([x, y]) => `${x},${y}`).join(' ');
        const marks = dots
          ? placed.map(([x, y]) => `<circle class="area" cx="${x}" cy="${y}" r="3.5"/>`)
          : [];
        const line = `<polyline class="line"${dashOf(dashed)} points="${path}"/>`;
        return inColour(colour, line + marks.join(''));
      }),
      ...legend(
        lines.flatMap(({ name, colour, dashed, points }) => {
          const last = points.at(-1);
          if (last === undefined) return [];
          const sample = (x: number, y: number) =>
            `<line class="line"${dashOf(dashed)} x1="${x}" x2="${x + 20}" y1="${y}" y2="${y}"/>`;
          return { name, colour, y: toY(last[1]), sample };
        }),
      ),
    ],
  };
}

function dashOf(dashed = false): string {
  return dashed ? ' stroke-dasharray="5 4"' : '';
}

function xScale({ xRange, xTicks, lines }: LinePlot): (x: number) => number {
  const all = [
    ...xTicks.map(({ at }) => at),
    ...lines.flatMap(({ points }) => points.map(([x]) => x)),
  ];
  const from = xRange?.[0] ?? (all.length === 0 ? 0 : Math.min(...all));
  const to = Math.max(xRange?.[1] ?? (all.length === 0 ? 1 : Math.max(...all)), from + 1e-9);
  return (x) => frame.left + ((x - from) / (to - from)) * frame.innerWidth;
}

/** Maps values to the drawing. A logarithmic scale puts values below its first tick on that tick. */
function yScale(scale: LinePlot['scale'], ticks: readonly number[]): (y: number) => number {
  const [low = 0, high = 1] = [ticks[0], ticks.at(-1)];
  if (scale === 'linear') {
    return (y) => frame.bottom - ((y - low) / (high - low)) * frame.innerHeight;
  }
  const [from, to] = [Math.log10(low), Math.log10(high)];
  return (y) =>
    frame.bottom - ((Math.log10(Math.max(y, low)) - from) / (to - from)) * frame.innerHeight;
}
