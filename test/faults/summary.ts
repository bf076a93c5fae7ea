// SPDX-License-Identifier: GPL-3.0-or-later
import { rows } from './rows.ts';
import type { RunResult } from './run.ts';

/** Lists the runs of each row, and the totals. */
export function summaryOf(results: readonly RunResult[]): string[] {
  const sum = (of: (result: RunResult) => number, among = results) =>
    among.reduce((total, result) => total + of(result), 0);
  const lines = rows.flatMap(({ row, name }) => {
    const own = results.filter((result) => result.row === row);
    if (own.length === 0) return [];
    const count = (verdict: RunResult['verdict']) =>
      own.filter((result) => result.verdict === verdict).length;
    return [
      [
        String(row).padStart(3),
        name.padEnd(34),
        `${count('passed')} of ${own.length} passed`.padEnd(18),
        `${sum(({ faults }) => faults, own)} faults`.padStart(11),
        `${sum(({ felt }) => felt, own)} felt`.padStart(12),
      ].join(' '),
    ];
  });
  const stored = sum(({ unknowns }) => unknowns.stored);
  const notStored = sum(({ unknowns }) => unknowns.notStored);
  const failed = results.filter(({ verdict }) => verdict === 'failed').length;
  const unknown = results.filter(({ verdict }) => verdict === 'unknown').length;
  const skipped = results.filter(({ verdict }) => verdict === 'skipped').length;
  return [
    ...lines,
    '',
    `${results.length} runs, ${sum(({ asked }) => asked)} operations, ${sum(({ wins }) => wins)} claims won`,
    `${stored + notStored} claims with unknown outcome: ${stored} turned out stored, ${notStored} not`,
    `${failed} failed, ${unknown} unknown, ${skipped} skipped`,
  ];
}
