// SPDX-License-Identifier: GPL-3.0-or-later
import { scenariosOf } from './loads.ts';
import { rows } from './rows.ts';
import type { RunResult } from './run-result.ts';

/** Lists the runs of each row with each drill, and the totals. */
export function summaryOf(results: readonly RunResult[]): string[] {
  const sum = (of: (result: RunResult) => number, among = results) =>
    among.reduce((total, result) => total + of(result), 0);
  const choices = rows.flatMap((row) => scenariosOf(row).map((scenario) => ({ row, scenario })));
  const lines = choices.flatMap(({ row: { row, name }, scenario }) => {
    const own = results.filter((result) => result.row === row && result.scenario === scenario);
    if (own.length === 0) return [];
    const count = (verdict: RunResult['verdict']) =>
      own.filter((result) => result.verdict === verdict).length;
    return [
      [
        String(row).padStart(3),
        name.padEnd(34),
        scenario.padEnd(11),
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
    `${stored + notStored} claims and changes with unknown outcome: ${stored} turned out stored, ${notStored} not`,
    `${failed} failed, ${unknown} unknown, ${skipped} skipped`,
  ];
}
