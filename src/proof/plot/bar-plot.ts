// SPDX-License-Identifier: GPL-3.0-or-later
import { axes, type Drawing, frame, inColour, legend, round } from './drawing.ts';
import { linearTicks, secondTicks, tickText } from './scale.ts';

/** Stacked bars, one for each second. */
export type BarPlot = {
  title: string;
  yTitle: string;
  /** From the bottom of the stack to its top; `colour` is a colour name of the page's style sheet. */
  series: readonly { name: string; colour: string; values: readonly number[] }[];
};

const barsMax = 360;

/** Draws counts by second. In a run with more seconds than there is space for, a bar is the mean of several. */
export function drawBars({ title, yTitle, series }: BarPlot): Drawing {
  const total = Math.max(0, ...series.map(({ values }) => values.length));
  const secondsPerBar = Math.max(1, Math.ceil(total / barsMax));
  const bars = Math.max(1, Math.ceil(total / secondsPerBar));
  const barWidth = frame.innerWidth / bars;
  const means = series.map(({ values }) =>
    Array.from({ length: bars }, (_, bar) =>
      meanOf(values.slice(bar * secondsPerBar, (bar + 1) * secondsPerBar)),
    ),
  );
  const sums = Array.from({ length: bars }, (_, bar) =>
    means.reduce((sum, values) => sum + (values[bar] ?? 0), 0),
  );
  const yTicks = linearTicks(sums);
  const toY = (y: number) => frame.top + frame.innerHeight * (1 - y / (yTicks.at(-1) ?? 1));
  const stacked = new Array<number>(bars).fill(0);
  const stacks = series.map(({ colour }, index) => {
    const rects = stacked.map((below, bar) => {
      const value = means[index]?.[bar] ?? 0;
      if (value === 0) return '';
      stacked[bar] = below + value;
      const y = toY(below + value);
      return rect(frame.left + bar * barWidth, y, Math.max(0.5, barWidth * 0.9), toY(below) - y);
    });
    return inColour(colour, rects.join(''));
  });
  return {
    title,
    elements: [
      ...axes({
        ...{ title, yTitle, xTitle: 'seconds' },
        xTicks: secondTicks(total).map(({ at, text }) => ({
          ...{ at: frame.left + (at / secondsPerBar) * barWidth, text },
        })),
        yTicks: yTicks.map((value) => ({ at: toY(value), text: tickText(value) })),
      }),
      ...stacks,
      ...legend(
        series.toReversed().map(({ name, colour }, index) => ({
          ...{ name, colour, y: frame.top + 10 + 18 * index },
          sample: (x: number, y: number) => rect(x + 5, y - 5, 10, 10),
        })),
      ),
    ],
  };
}

function meanOf(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function rect(x: number, y: number, wide: number, tall: number): string {
  return `<rect class="area" x="${round(x)}" y="${round(y)}" width="${round(wide)}" height="${round(tall)}"/>`;
}
