// SPDX-License-Identifier: GPL-3.0-or-later
import type { SaleSecond } from '../../figures/sale-second.ts';

const levels = '▁▂▃▄▅▆▇█';
const unknownColumn = '·';

/** The numbers of a sparkline: one for each column, from left to right; undefined where it is unknown. */
export type Columns = readonly (number | undefined)[];

/**
 * The mean of the known values of each column. A column has `perColumn` whole seconds, begins at a multiple of them, so that
 * bars do not change as time goes on, and the last one contains the last second.
 */
export function columnsOfSeconds(
  seconds: readonly SaleSecond[],
  valueIn: (second: SaleSecond) => number | undefined,
  { perColumn, count }: { perColumn: number; count: number },
): Columns {
  const columnOf = ({ atMs }: SaleSecond) => Math.floor(atMs / 1_000 / perColumn);
  const last = seconds.at(-1);
  const first = last === undefined ? 0 : columnOf(last) - count + 1;
  const values: number[][] = Array.from({ length: count }, () => []);
  for (const second of seconds) {
    const value = valueIn(second);
    if (value !== undefined) values[columnOf(second) - first]?.push(value);
  }
  return values.map((known) => mean(known));
}

function mean(values: readonly number[]): number | undefined {
  if (values.length === 0) return undefined;
  return values.reduce((sum, value) => sum + value, 0) / values.length;
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
