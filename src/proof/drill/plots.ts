// SPDX-License-Identifier: GPL-3.0-or-later
/** Plots as SVG text. The colours are variables of the page's style sheet, so that they fit light and dark mode. */
import { millis, whole } from '../numbers.ts';

/** A line of a plot. */
export type PlotLine = { name: string; colour: string; points: [x: number, y: number][] };

/** A mark on an axis. */
export type Tick = { at: number; text: string };

/** Lines over an axis. The y axis is logarithmic, since durations differ by powers of ten. */
export type LinePlot = { title: string; xTitle: string; xTicks: Tick[]; lines: PlotLine[] };

/** Stacked bars, one for each second. */
export type BarPlot = {
  title: string;
  series: { name: string; colour: string; values: number[] }[];
};

const width = 720;
const height = 300;
const left = 64;
const right = 16;
const top = 34;
const bottom = 44;
const innerWidth = width - left - right;
const innerHeight = height - top - bottom;
const barsMax = 360;

/** Escapes text for HTML and SVG. */
export function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

/** Milliseconds on a logarithmic axis. */
export function linePlot({ title, xTitle, xTicks, lines }: LinePlot): string {
  const values = lines.flatMap(({ points }) => points.map(([, y]) => y)).filter((y) => y > 0);
  const low = Math.floor(Math.log10(Math.min(...orOne(values))));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...orOne(values)))));
  const ends = xTicks
    .map(({ at }) => at)
    .concat(lines.flatMap((line) => line.points.map(([x]) => x)));
  const xMin = Math.min(...orOne(ends));
  const xMax = Math.max(...orOne(ends), xMin + 1e-9);
  const toX = (x: number) => left + ((x - xMin) / (xMax - xMin)) * innerWidth;
  const toY = (y: number) =>
    top + innerHeight * (1 - (Math.log10(Math.max(y, 10 ** low)) - low) / (high - low));
  const powers = Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index));
  return svg(title, [
    ...powers.map((value) => yTick(toY(value), `${millis(value).replace(/\.0+$/, '')} ms`)),
    ...xTicks.map(({ at, text }) => xTick(toX(at), text)),
    axisTitle(xTitle),
    ...lines.map(({ points, colour }) => {
      const path = points.map(([x, y]) => `${toX(x).toFixed(1)},${toY(y).toFixed(1)}`).join(' ');
      return `<polyline class="line" style="stroke:var(${colour})" points="${path}"/>`;
    }),
    legend(lines),
  ]);
}

/** Counts by second. In a run with more seconds than pixels, a bar is the mean of several. */
export function barPlot({ title, series }: BarPlot): string {
  const total = Math.max(0, ...series.map(({ values }) => values.length));
  const each = Math.max(1, Math.ceil(total / barsMax));
  const bars = Math.max(1, Math.ceil(total / each));
  const meanOf = (values: number[], bar: number) => {
    const slice = values.slice(bar * each, (bar + 1) * each);
    return slice.length === 0 ? 0 : slice.reduce((sum, value) => sum + value, 0) / slice.length;
  };
  const sums = Array.from({ length: bars }, (_, bar) =>
    series.reduce((sum, { values }) => sum + meanOf(values, bar), 0),
  );
  const yMax = roundUp(Math.max(1, ...sums));
  const toY = (y: number) => top + innerHeight * (1 - y / yMax);
  const barWidth = innerWidth / bars;
  const filled = new Array<number>(bars).fill(0);
  const rects = series.flatMap(({ values, colour }) =>
    filled.flatMap((below, bar) => {
      const value = meanOf(values, bar);
      if (value === 0) return [];
      filled[bar] = below + value;
      const x = (left + bar * barWidth).toFixed(1);
      const y = toY(below + value);
      const tall = (toY(below) - y).toFixed(1);
      const wide = Math.max(0.5, barWidth * 0.9).toFixed(1);
      return `<rect x="${x}" y="${y.toFixed(1)}" width="${wide}" height="${tall}" style="fill:var(${colour})"/>`;
    }),
  );
  return svg(title, [
    ...[0, 0.25, 0.5, 0.75, 1].map((share) => yTick(toY(yMax * share), whole(yMax * share))),
    ...secondTicks(total).map(({ at, text }) => xTick(left + (at / each) * barWidth, text)),
    axisTitle('seconds'),
    ...rects,
    legend(series),
  ]);
}

/** About eight marks at round seconds. */
export function secondTicks(total: number): Tick[] {
  const step = Math.max(1, roundUp(total / 8));
  return Array.from({ length: Math.floor(total / step) + 1 }, (_, index) => ({
    at: index * step,
    text: whole(index * step),
  }));
}

function svg(title: string, shapes: string[]): string {
  return [
    `<figure><figcaption>${escaped(title)}</figcaption>`,
    `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(title)}">`,
    ...shapes,
    '</svg></figure>',
  ].join('\n');
}

function yTick(y: number, text: string): string {
  const at = y.toFixed(1);
  const line = `<line class="grid" x1="${left}" x2="${width - right}" y1="${at}" y2="${at}"/>`;
  return `${line}<text x="${left - 6}" y="${at}" dy="4" text-anchor="end">${escaped(text)}</text>`;
}

function xTick(x: number, text: string): string {
  return `<text x="${x.toFixed(1)}" y="${height - bottom + 16}" text-anchor="middle">${escaped(text)}</text>`;
}

function axisTitle(text: string): string {
  return `<text x="${left + innerWidth / 2}" y="${height - 8}" text-anchor="middle">${escaped(text)}</text>`;
}

function legend(entries: readonly { name: string; colour: string }[]): string {
  return entries
    .map(({ name, colour }, index) => {
      const x = left + index * 120;
      const box = `<rect x="${x}" y="10" width="10" height="10" style="fill:var(${colour})"/>`;
      return `${box}<text x="${x + 15}" y="19">${escaped(name)}</text>`;
    })
    .join('');
}

function orOne(values: readonly number[]): readonly number[] {
  return values.length === 0 ? [1] : values;
}

/** The next number of the form 1, 2 or 5 times a power of ten. */
function roundUp(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= value * 0.999999) ?? 10;
  return step * power;
}
