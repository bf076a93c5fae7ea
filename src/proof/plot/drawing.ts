// SPDX-License-Identifier: GPL-3.0-or-later
/** The frame that all plots share: title, axes and legend as SVG elements. */

/** A plot as SVG elements for an area of `width` by `height`. */
export type Drawing = { title: string; elements: readonly string[] };

/** A mark on an axis. */
export type Tick = { at: number; text: string };

const [width, height] = [760, 340];
const [left, right, top, bottom] = [76, 170, 44, 52];

/** The size of a drawing, and the edges of the area between its axes. */
export const frame = {
  ...{ width, height, left, top },
  ...{ right: width - right, bottom: height - bottom },
  ...{ innerWidth: width - left - right, innerHeight: height - top - bottom },
} as const;

/** Escapes text for HTML and SVG. */
export function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

/** A coordinate with one decimal at most. */
export function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** The style rules that plots need, with a CSS colour for each colour name. */
export function plotRules(colours: Readonly<Record<string, string>>): string[] {
  return [
    '.line { fill: none; stroke-width: 2; }',
    ...Object.entries(colours).map(
      ([name, colour]) =>
        `.plot-${name} .line { stroke: ${colour}; } .plot-${name} .area { fill: ${colour}; }`,
    ),
  ];
}

/** Elements in the colour of this name. */
export function inColour(name: string, elements: string): string {
  return `<g class="plot-${name}">${elements}</g>`;
}

/** Title, axis titles and tick marks. */
export function axes(plot: {
  title: string;
  xTitle: string;
  yTitle: string;
  /** Ticks whose `at` is a coordinate of the drawing. */
  xTicks: readonly Tick[];
  yTicks: readonly Tick[];
}): string[] {
  const middleX = left + frame.innerWidth / 2;
  const middleY = top + frame.innerHeight / 2;
  return [
    `<text x="${left}" y="26" font-weight="600">${escaped(plot.title)}</text>`,
    ...plot.yTicks.map(
      ({ at, text }) =>
        `<line class="grid" x1="${left}" x2="${frame.right}" y1="${round(at)}" y2="${round(at)}"/>` +
        `<text x="${left - 8}" y="${round(at + 4)}" text-anchor="end">${escaped(text)}</text>`,
    ),
    ...plot.xTicks.map(
      ({ at, text }) =>
        `<text x="${round(at)}" y="${frame.bottom + 20}" text-anchor="middle">${escaped(text)}</text>`,
    ),
    `<text x="${middleX}" y="${height - 12}" text-anchor="middle">${escaped(plot.xTitle)}</text>`,
    `<text transform="translate(18 ${middleY}) rotate(-90)" text-anchor="middle">${escaped(plot.yTitle)}</text>`,
  ];
}

/** The names of all series on the right, each with a sample of its shape, as close to `y` as space allows. */
export function legend(
  entries: readonly {
    name: string;
    colour: string;
    y: number;
    sample(x: number, y: number): string;
  }[],
): string[] {
  const distance = 18;
  const sorted = entries.map((entry) => ({ ...entry })).sort((one, other) => one.y - other.y);
  let above = Number.NEGATIVE_INFINITY;
  for (const entry of sorted) {
    entry.y = Math.max(entry.y, above + distance);
    above = entry.y;
  }
  const overflow = Math.max(0, above - frame.bottom);
  const x = frame.right + 10;
  return sorted.map(({ name, colour, y, sample }) => {
    const at = round(y - overflow);
    return `${inColour(colour, sample(x, at))}<text x="${x + 26}" y="${round(at + 4)}">${escaped(name)}</text>`;
  });
}
