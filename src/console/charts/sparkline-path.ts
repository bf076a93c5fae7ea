// SPDX-License-Identifier: GPL-3.0-or-later

/** The size of the picture that the path is drawn in. */
export const sparklineSize = { width: 100, height: 24 };

// Half of the line must fit at each edge.
const marginTop = 1.5;

/** The path of an SVG for values from 0 to the highest one. A value that is null is a gap. */
export function sparklinePath(values: readonly (number | null)[]): string {
  const highest = Math.max(...values.map((value) => value ?? 0), 0) || 1;
  const { width, height } = sparklineSize;
  const stepX = width / Math.max(values.length - 1, 1);
  let isDrawing = false;
  let path = '';
  for (const [index, value] of values.entries()) {
    if (value === null) {
      isDrawing = false;
      continue;
    }
    const x = round(index * stepX);
    const y = round(height - marginTop - (value / highest) * (height - 2 * marginTop));
    // A line to the same point shows a value between two gaps as a dot.
    path += isDrawing ? `L${x} ${y}` : `M${x} ${y}L${x} ${y}`;
    isDrawing = true;
  }
  return path;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
