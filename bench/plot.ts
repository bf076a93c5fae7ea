// SPDX-License-Identifier: GPL-3.0-or-later
/** Line plots as plain SVG, readable on light and dark pages and as text. */

/** A plot over a few values of x, evenly spaced. */
export type Plot = {
  title: string;
  xTitle: string;
  yTitle: string;
  x: readonly number[];
  lines: readonly PlotLine[];
  /** `log` for what spans powers of ten; its values must be above 0. */
  scale: 'linear' | 'log';
};

/** One line; undefined where nothing was measured. */
export type PlotLine = {
  name: string;
  /** Lines of one colour belong together. */
  colour: 0 | 1 | 2 | 3;
  dashed?: boolean;
  y: readonly (number | undefined)[];
};

const width = 760;
const height = 380;
const left = 76;
const right = 190;
const top = 44;
const bottom = 52;

const light = { page: '#ffffff', text: '#24292f', grid: '#d0d7de' };
const dark = { page: '#0d1117', text: '#e6edf3', grid: '#30363d' };
const lightLines = ['#6e7781', '#0969da', '#bc4c00', '#8250df'];
const darkLines = ['#9198a1', '#4493f8', '#f0883e', '#ab7df8'];

const style = [
  'svg { font: 13px system-ui, sans-serif; }',
  '.line { fill: none; stroke-width: 2; }',
  ...rulesFor(light, lightLines),
  '@media (prefers-color-scheme: dark) {',
  ...rulesFor(dark, darkLines),
  '}',
]
  .map((rule) => `\n    ${rule}`)
  .join('');

function rulesFor(base: typeof light, lines: readonly string[]): string[] {
  return [
    `.page { fill: ${base.page}; } text { fill: ${base.text}; } .grid { stroke: ${base.grid}; }`,
    ...lines.map(
      (colour, index) =>
        `.c${index} .line { stroke: ${colour}; } .c${index} .dot { fill: ${colour}; }`,
    ),
  ];
}

/** Draws the plot. */
export function drawPlot(plot: Plot): string {
  const ticks = ticksFor(plot);
  const toX = (index: number) =>
    left + ((index + 0.5) * (width - left - right)) / Math.max(1, plot.x.length);
  const toY = yScale(plot, ticks);
  const grid = ticks.map(
    (tick) =>
      `<line class="grid" x1="${left}" x2="${width - right}" y1="${round(toY(tick))}" y2="${round(toY(tick))}"/>` +
      `<text x="${left - 8}" y="${round(toY(tick) + 4)}" text-anchor="end">${numberText(tick)}</text>`,
  );
  const xLabels = plot.x.map(
    (value, index) =>
      `<text x="${round(toX(index))}" y="${height - bottom + 20}" text-anchor="middle">${numberText(value)}</text>`,
  );
  const lines = plot.lines.map((line) => drawLine(line, toX, toY));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img">`,
    `  <title>${escaped(plot.title)}</title>`,
    `  <style>${style}\n  </style>`,
    `  <rect class="page" width="${width}" height="${height}" rx="6"/>`,
    `  <text x="${left}" y="26" font-weight="600">${escaped(plot.title)}</text>`,
    ...grid.map((element) => `  ${element}`),
    ...xLabels.map((element) => `  ${element}`),
    `  <text x="${(left + width - right) / 2}" y="${height - 12}" text-anchor="middle">${escaped(plot.xTitle)}</text>`,
    `  <text transform="translate(18 ${(top + height - bottom) / 2}) rotate(-90)" text-anchor="middle">${escaped(plot.yTitle)}</text>`,
    ...lines.map((element) => `  ${element}`),
    ...namesOf(plot, toY).map((element) => `  ${element}`),
    '</svg>',
    '',
  ].join('\n');
}

function drawLine(
  line: PlotLine,
  toX: (index: number) => number,
  toY: (value: number) => number,
): string {
  const points = line.y.flatMap((value, index) =>
    value === undefined ? [] : [[round(toX(index)), round(toY(value))] as const],
  );
  const path = points.map(([x, y]) => `${x},${y}`).join(' ');
  const dots = points.map(([x, y]) => `<circle class="dot" cx="${x}" cy="${y}" r="3.5"/>`);
  const dash = line.dashed ? ' stroke-dasharray="5 4"' : '';
  return `<g class="c${line.colour}"><polyline class="line"${dash} points="${path}"/>${dots.join('')}</g>`;
}

/** Each name at the end of its line, moved apart where two would lie on each other. */
function namesOf(plot: Plot, toY: (value: number) => number): string[] {
  const apart = 18;
  const names = plot.lines
    .flatMap((line) => {
      const last = line.y.findLast((value) => value !== undefined);
      return last === undefined ? [] : [{ line, y: toY(last) }];
    })
    .sort((a, b) => a.y - b.y);
  let above = Number.NEGATIVE_INFINITY;
  for (const name of names) {
    name.y = Math.max(name.y, above + apart);
    above = name.y;
  }
  const tooLow = Math.max(0, above - (height - bottom));
  return names.map(({ line, y }) => {
    const at = round(y - tooLow);
    const x = width - right + 10;
    const dash = line.dashed ? ' stroke-dasharray="5 4"' : '';
    return (
      `<g class="c${line.colour}"><line class="line"${dash} x1="${x}" x2="${x + 20}" y1="${at}" y2="${at}"/></g>` +
      `<text x="${x + 26}" y="${at + 4}">${escaped(line.name)}</text>`
    );
  });
}

function yScale(plot: Plot, ticks: readonly number[]): (value: number) => number {
  const low = ticks[0] ?? 0;
  const high = ticks.at(-1) ?? 1;
  const span = height - top - bottom;
  if (plot.scale === 'linear')
    return (value) => height - bottom - ((value - low) / (high - low)) * span;
  const [from, to] = [Math.log10(low), Math.log10(high)];
  return (value) => height - bottom - ((Math.log10(value) - from) / (to - from)) * span;
}

/** Round numbers from below the smallest value (0, unless logarithmic) to above the largest. */
function ticksFor({ lines, scale }: Plot): number[] {
  const values = lines.flatMap(({ y }) => y.flatMap((value) => value ?? []));
  const largest = Math.max(...values, scale === 'log' ? 0.01 : 1);
  if (scale === 'log') {
    const from = Math.floor(Math.log10(Math.min(...values, largest)));
    const to = Math.max(from + 1, Math.ceil(Math.log10(largest)));
    return Array.from({ length: to - from + 1 }, (_, index) => 10 ** (from + index));
  }
  const power = 10 ** Math.floor(Math.log10(largest / 4));
  const step = power * ([1, 2, 5, 10].find((factor) => power * factor * 6 >= largest) ?? 10);
  const count = Math.ceil(largest / step);
  return Array.from({ length: count + 1 }, (_, index) => index * step);
}

function numberText(value: number): string {
  return value >= 1000 ? value.toLocaleString('en-US') : String(Number(value.toPrecision(3)));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
