// SPDX-License-Identifier: GPL-3.0-or-later
/** The rows of the tables beside the charts: ten seconds each. */
import type { SaleSecond } from '../../figures/sale-second.ts';
import { countsByGroup, outcomeGroups } from './outcome-groups.ts';

const rowMs = 10_000;
const rowSeconds = rowMs / 1_000;

/** A sum. With `isLeast` some of its seconds are unknown or not complete. */
export type Sum = { count: number; isLeast: boolean };

/** Ten seconds of a sale. */
export type TableRow = {
  /** When its first second began. */
  fromMs: number;
  /** The stock that was known last. */
  remaining: number | null;
  /** Claims by group. Null: nothing is known. */
  outcomes: Sum[] | null;
  /** The highest of its seconds. */
  p50Ms: number | null;
  p99Ms: number | null;
};

/** The rows, the newest first. Rows that lack seconds at an end of the list are left out, so that a row never changes. */
export function tableRows(seconds: readonly SaleSecond[]): TableRow[] {
  const rows = new Map<number, SaleSecond[]>();
  for (const second of seconds) {
    const fromMs = Math.floor(second.atMs / rowMs) * rowMs;
    const row = rows.get(fromMs);
    if (row === undefined) rows.set(fromMs, [second]);
    else row.push(second);
  }
  return [...rows]
    .filter(([, row]) => row.length === rowSeconds)
    .map(([fromMs, row]) => tableRow(fromMs, row))
    .reverse();
}

function tableRow(fromMs: number, seconds: readonly SaleSecond[]): TableRow {
  return {
    fromMs,
    remaining: seconds.findLast(({ remaining }) => remaining !== null)?.remaining ?? null,
    outcomes: sumsOf(seconds),
    p50Ms: highest(seconds.map(({ p50Ms }) => p50Ms)),
    p99Ms: highest(seconds.map(({ p99Ms }) => p99Ms)),
  };
}

function sumsOf(seconds: readonly SaleSecond[]): Sum[] | null {
  const known = seconds.flatMap(({ outcomes }) => {
    const counts = countsByGroup(outcomes);
    return counts === null ? [] : [counts];
  });
  if (known.length === 0) return null;
  const isLeast = known.length < seconds.length || seconds.some(({ isComplete }) => !isComplete);
  return outcomeGroups.map((_group, index) => ({
    count: known.reduce((sum, counts) => sum + (counts[index] ?? 0), 0),
    isLeast,
  }));
}

function highest(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.max(...known);
}

/** Which groups any of the rows has claims of, by their index. */
export function groupsInRows(rows: readonly TableRow[]): number[] {
  return outcomeGroups.flatMap((_group, index) =>
    rows.some(({ outcomes }) => outcomes?.[index]?.count) ? [index] : [],
  );
}
