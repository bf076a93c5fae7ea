// SPDX-License-Identifier: GPL-3.0-or-later
import type { ComponentChildren } from 'preact';
import { formatCount, formatMilliseconds, unknown } from '../ui/format.ts';
import { formatTimeOfDay } from '../ui/time-of-day.ts';
import { outcomeGroups } from './outcome-groups.ts';
import { formatSum } from './summaries.ts';
import { groupsInRows, type TableRow } from './table-rows.ts';

type TableProps = { rows: readonly TableRow[] };

/** The table of the stock. */
export function RemainingTable({ rows }: TableProps) {
  return (
    <RowTable
      caption="Remaining units after each ten seconds, newest first"
      heads={['Remaining']}
      rows={rows}
      cellsOf={({ remaining }) => [formatCount(remaining)]}
    />
  );
}

/** The table of the outcomes. */
export function OutcomeTable({ rows }: TableProps) {
  const groups = groupsInRows(rows);
  const heads = groups.map((index) => outcomeGroups[index]?.label ?? '');
  return (
    <RowTable
      caption="Claims in each ten seconds, newest first"
      heads={heads.length === 0 ? ['Claims'] : heads}
      rows={rows}
      cellsOf={({ outcomes }) => {
        if (outcomes === null) return (heads.length === 0 ? [0] : heads).map(() => unknown);
        const none = { count: 0, isLeast: outcomes.some(({ isLeast }) => isLeast) };
        const shown = groups.map((index) => outcomes[index] ?? none);
        return (shown.length === 0 ? [none] : shown).map(formatSum);
      }}
    />
  );
}

/** The table of p50 and p99. */
export function AnswerTimeTable({ rows }: TableProps) {
  return (
    <RowTable
      caption="Highest p50 and p99 in each ten seconds, newest first"
      heads={['p50', 'p99']}
      rows={rows}
      cellsOf={({ p50Ms, p99Ms }) => [p50Ms, p99Ms].map(formatMilliseconds)}
    />
  );
}

function RowTable({
  caption,
  heads,
  rows,
  cellsOf,
}: {
  caption: string;
  heads: readonly string[];
  rows: readonly TableRow[];
  cellsOf: (row: TableRow) => ComponentChildren[];
}) {
  if (rows.length === 0) return <p>No ten seconds are complete yet.</p>;
  return (
    // It scrolls, so the keyboard must reach it.
    // biome-ignore lint/a11y/noNoninteractiveTabindex: without a stop here, the keyboard cannot scroll it
    <section class="table-scroll chart-table" tabIndex={0} aria-label={caption}>
      <table>
        <caption>{caption}</caption>
        <thead>
          <tr>
            <th scope="col">From</th>
            {heads.map((head) => (
              <th key={head} scope="col" class="number">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.fromMs}>
              <th scope="row" class="number">
                {formatTimeOfDay(row.fromMs)}
              </th>
              {cellsOf(row).map((cell, index) => (
                <td key={heads[index]} class="number">
                  {cell}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
