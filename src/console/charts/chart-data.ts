// SPDX-License-Identifier: GPL-3.0-or-later
/** From the seconds of a sale to what its charts draw. What is unknown is null: a gap, and never 0. */
import type { SaleSecond } from '../../figures/sale-second.ts';
import { countsByGroup, outcomeGroups } from './outcome-groups.ts';

/** A stretch of time in which a chart lacks data (`unknown`), or in which counts may be too low (`incomplete`). */
export type Mark = { kind: 'unknown' | 'incomplete'; fromMs: number; untilMs: number };

/** What a chart draws. */
export type ChartData = {
  /** When each point begins, in seconds since 1970. The last point only ends the second before it. */
  times: number[];
  /** For each series a value at each point. */
  values: (number | null)[][];
  marks: Mark[];
  /** Which series have anything to show. */
  isShown: boolean[];
};

/** The last minutes of the seconds. */
export function lastMinutes(seconds: readonly SaleSecond[], minutes: number): SaleSecond[] {
  return seconds.slice(-minutes * 60);
}

/** The stock, with one series. */
export function remainingData(seconds: readonly SaleSecond[]): ChartData {
  return chartData(seconds, [seconds.map(({ remaining }) => remaining)], ({ remaining }) =>
    remaining === null ? 'unknown' : undefined,
  );
}

/**
 * Outcomes a second, with a series for each group, the top of the stack first: each value is the sum of its group and of all
 * groups below it, so a series covers a part of the one before.
 */
export function outcomeData(seconds: readonly SaleSecond[]): ChartData {
  const counts = seconds.map(({ outcomes }) => countsByGroup(outcomes));
  const sums = counts.map((second) => {
    let sum = 0;
    return second?.map((count) => {
      sum += count;
      return sum;
    });
  });
  const stacks = outcomeGroups.map((_group, index) => sums.map((sum) => sum?.[index] ?? null));
  const isUsed = outcomeGroups.map((_group, index) => counts.some((second) => second?.[index]));
  const data = chartData(seconds, stacks.reverse(), ({ outcomes, isComplete }) => {
    if (outcomes === null) return 'unknown';
    return isComplete ? undefined : 'incomplete';
  });
  return { ...data, isShown: isUsed.reverse() };
}

/** How long claims took, in milliseconds: p50 and p99. A second without claims is a gap without a mark. */
export function answerTimeData(seconds: readonly SaleSecond[]): ChartData {
  const values = [seconds.map(({ p50Ms }) => p50Ms), seconds.map(({ p99Ms }) => p99Ms)];
  return chartData(seconds, values, ({ outcomes, isComplete, p99Ms }) => {
    if (outcomes === null) return 'unknown';
    if (isComplete) return undefined;
    return p99Ms === null ? 'unknown' : 'incomplete';
  });
}

function chartData(
  seconds: readonly SaleSecond[],
  values: (number | null)[][],
  kindOf: (second: SaleSecond) => Mark['kind'] | undefined,
): ChartData {
  const times = seconds.map(({ atMs }) => atMs / 1_000);
  const last = times.at(-1);
  return {
    times: last === undefined ? [] : [...times, last + 1],
    values: values.map((series) => [...series, ...series.slice(-1)]),
    marks: marksOf(seconds, kindOf),
    isShown: values.map(() => true),
  };
}

function marksOf(
  seconds: readonly SaleSecond[],
  kindOf: (second: SaleSecond) => Mark['kind'] | undefined,
): Mark[] {
  const marks: Mark[] = [];
  for (const second of seconds) {
    const kind = kindOf(second);
    const last = marks.at(-1);
    const untilMs = second.atMs + 1_000;
    if (kind === undefined) continue;
    if (last?.kind === kind && last.untilMs === second.atMs) last.untilMs = untilMs;
    else marks.push({ kind, fromMs: second.atMs, untilMs });
  }
  return marks;
}

/** The points of a series without a neighbour, which a line does not show. */
export function lonelyPoints(values: readonly (number | null | undefined)[]): number[] {
  const isKnown = (index: number) => values[index] != null;
  return values.flatMap((_value, index) =>
    isKnown(index) && !isKnown(index - 1) && !isKnown(index + 1) ? [index] : [],
  );
}
