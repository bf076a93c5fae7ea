// SPDX-License-Identifier: GPL-3.0-or-later

const levels = '▁▂▃▄▅▆▇█';
const unknownColumn = '·';

/** The numbers of a sparkline: one for each column, from left to right; undefined where it is unknown. */
export type Columns = readonly (number | undefined)[];

/**
 * The mean of the known values of each column. A column has `perColumn` whole seconds, begins at a multiple of them, so that
 * bars do not change as time goes on, and the last one contains `last`.
 */
export function columnsOfSeconds(
  valueAt: (second: number) => number | undefined,
  { last, perColumn, count }: { last: number; perColumn: number; count: number },
): Columns {
  const lastColumn = Math.floor(last / perColumn);
  return Array.from({ length: count }, (_, place) => {
    const start = (lastColumn - count + 1 + place) * perColumn;
    let [sum, known] = [0, 0];
    for (let second = start; second < Math.min(start + perColumn, last + 1); second += 1) {
      const value = valueAt(second);
      if (value === undefined) continue;
      sum += value;
      known += 1;
    }
    return known === 0 ? undefined : sum / known;
  });
}

/** A bar of one to eight eighths for each column, of which `max` is the highest; `·` where it is unknown. Only 0 has the lowest bar. */
export function sparkline(columns: Columns, max: number): string {
  return columns
    .map((value) => {
      if (value === undefined) return unknownColumn;
      if (value <= 0 || max <= 0) return levels[0];
      const level = Math.ceil((value / max) * (levels.length - 1));
      return levels[Math.min(level, levels.length - 1)];
    })
    .join('');
}

const eighths = ' ▏▎▍▌▋▊▉';

/** A horizontal bar of `cells` columns, filled to the share `part` of `all`. Full only where the part is all of it. */
export function bar(part: number, all: number, cells: number): string {
  const filled = Math.floor((part / all) * cells * eighths.length);
  const least = part > 0 ? Math.max(1, filled) : 0;
  const [full, rest] = [Math.floor(least / eighths.length), least % eighths.length];
  const last = rest === 0 ? '' : eighths[rest];
  return ('█'.repeat(full) + last).padEnd(cells);
}
