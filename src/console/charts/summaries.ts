// SPDX-License-Identifier: GPL-3.0-or-later
/** What the charts show, in a sentence for those who do not see them. It changes with the rows: every ten seconds. */
import { formatCount, formatMilliseconds } from '../ui/format.ts';
import { formatTimeOfDay } from '../ui/time-of-day.ts';
import { outcomeGroups } from './outcome-groups.ts';
import type { Sum, TableRow } from './table-rows.ts';

const waiting = 'No ten seconds are complete yet.';

/** `412 of 500 units remained at 18:00:20, 500 at 17:45:20.` */
export function summarizeRemaining(rows: readonly TableRow[], amount: number | undefined): string {
  const known = rows.filter(({ remaining }) => remaining !== null);
  const [newest] = known;
  const oldest = known.at(-1);
  if (rows.length === 0) return waiting;
  if (newest === undefined) return 'The remaining units are not known.';
  const of = amount === undefined ? '' : ` of ${formatCount(amount)}`;
  const now = `${formatCount(newest.remaining)}${of} units remained at ${timeOf(newest)}`;
  if (oldest === undefined || oldest === newest) return `${now}.`;
  return `${now}, ${formatCount(oldest.remaining)} at ${timeOf(oldest)}.`;
}

/** `From 18:00:10 to 18:00:20: 812 claimed, 40 sold out.` */
export function summarizeOutcomes(rows: readonly TableRow[]): string {
  const [newest] = rows;
  if (newest === undefined) return waiting;
  const { outcomes } = newest;
  if (outcomes === null) return `${spanOf(newest)}: the counts are not known.`;
  const parts = outcomes.flatMap((sum, index) =>
    sum.count === 0 ? [] : [`${formatSum(sum)} ${outcomeGroups[index]?.label}`],
  );
  return `${spanOf(newest)}: ${parts.length === 0 ? 'no claims' : parts.join(', ')}.`;
}

/** `From 18:00:10 to 18:00:20, in the slowest second: p50 6.7 ms, p99 23 ms.` */
export function summarizeAnswerTimes(rows: readonly TableRow[]): string {
  const [newest] = rows;
  if (newest === undefined) return waiting;
  if (newest.p99Ms === null) {
    const hasNone = newest.outcomes?.every(({ count, isLeast }) => count === 0 && !isLeast);
    return `${spanOf(newest)}: ${hasNone ? 'no claims' : 'the times are not known'}.`;
  }
  const [p50, p99] = [newest.p50Ms, newest.p99Ms].map(formatMilliseconds);
  return `${spanOf(newest)}, in the slowest second: p50 ${p50}, p99 ${p99}.`;
}

/** `812`, or `at least 812` where seconds are missing. */
export function formatSum({ count, isLeast }: Sum): string {
  return `${isLeast ? 'at least ' : ''}${formatCount(count)}`;
}

function timeOf({ fromMs }: TableRow): string {
  return formatTimeOfDay(fromMs + 10_000);
}

function spanOf({ fromMs }: TableRow): string {
  return `From ${formatTimeOfDay(fromMs)} to ${formatTimeOfDay(fromMs + 10_000)}`;
}
