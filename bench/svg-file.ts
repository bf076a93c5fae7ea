// SPDX-License-Identifier: GPL-3.0-or-later
/** Plots as SVG files with their own style, readable on light and dark pages. */
import { type Drawing, escaped, frame, plotRules } from '../src/proof/plot/drawing.ts';

/** The colour names of the plots. */
export type Colour = 'grey' | 'blue' | 'orange' | 'purple';

type Palette = { page: string; text: string; grid: string; lines: Record<Colour, string> };

const light: Palette = {
  ...{ page: '#ffffff', text: '#24292f', grid: '#d0d7de' },
  lines: { grey: '#6e7781', blue: '#0969da', orange: '#bc4c00', purple: '#8250df' },
};
const dark: Palette = {
  ...{ page: '#0d1117', text: '#e6edf3', grid: '#30363d' },
  lines: { grey: '#9198a1', blue: '#4493f8', orange: '#f0883e', purple: '#ab7df8' },
};

const style = [
  'svg { font: 13px system-ui, sans-serif; }',
  ...rulesFor(light),
  '@media (prefers-color-scheme: dark) {',
  ...rulesFor(dark),
  '}',
];

function rulesFor({ page, text, grid, lines }: Palette): string[] {
  return [
    `.page { fill: ${page}; } text { fill: ${text}; } .grid { stroke: ${grid}; }`,
    ...plotRules(lines),
  ];
}

/** The text of an SVG file. */
export function svgFile({ title, elements }: Drawing): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${frame.width} ${frame.height}" role="img">`,
    `  <title>${escaped(title)}</title>`,
    '  <style>',
    ...style.map((rule) => `    ${rule}`),
    '  </style>',
    `  <rect class="page" width="${frame.width}" height="${frame.height}" rx="6"/>`,
    ...elements.map((element) => `  ${element}`),
    '</svg>',
    '',
  ].join('\n');
}
