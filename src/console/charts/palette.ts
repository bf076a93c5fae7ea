// SPDX-License-Identifier: GPL-3.0-or-later
/** The colours of the charts, as the browser resolves the custom properties of the page, and the fills made of them. */
import type { Pattern } from './outcome-groups.ts';

/** A fill: a colour and what is drawn over it. */
export type Fill = { colour: string; pattern: Pattern };

const tilePx = 8;

// Strokes in a tile, which continue in the tiles beside it.
const strokes: Record<Pattern, [fromX: number, fromY: number, toX: number, toY: number][]> = {
  plain: [],
  rising: [
    [-2, 2, 2, -2],
    [0, 8, 8, 0],
    [6, 10, 10, 6],
  ],
  falling: [
    [6, -2, 10, 2],
    [0, 0, 8, 8],
    [-2, 6, 2, 10],
  ],
  level: [[0, 4, 8, 4]],
  dots: [[3, 4, 5, 4]],
};

/** The colour of a custom property as it is in the present scheme. */
export function colourOf(property: string, within: Element): string {
  // A custom property is returned as it is written, `light-dark(…)` included: only a real one is resolved.
  const probe = document.createElement('span');
  probe.style.color = `var(${property})`;
  within.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

/** A fill for a canvas whose pixels are `scale` to a pixel of the page. */
export function fillOf({ colour, pattern }: Fill, within: Element, scale: number) {
  const fill = colourOf(colour, within);
  if (pattern === 'plain') return fill;
  const tile = document.createElement('canvas');
  tile.width = tilePx * scale;
  tile.height = tilePx * scale;
  const context = tile.getContext('2d');
  if (context === null) return fill;
  context.fillStyle = fill;
  context.fillRect(0, 0, tile.width, tile.height);
  context.scale(scale, scale);
  context.strokeStyle = colourOf('--surface', within);
  context.lineWidth = pattern === 'dots' ? 2 : 1.5;
  context.beginPath();
  for (const [fromX, fromY, toX, toY] of strokes[pattern]) {
    context.moveTo(fromX, fromY);
    context.lineTo(toX, toY);
  }
  context.stroke();
  return context.createPattern(tile, 'repeat') ?? fill;
}

/** Calls the listener when the page changes between light and dark. Returns what ends that. */
export function onSchemeChange(listener: () => void): () => void {
  const scheme = matchMedia('(prefers-color-scheme: dark)');
  scheme.addEventListener('change', listener);
  return () => scheme.removeEventListener('change', listener);
}
