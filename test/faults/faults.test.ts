// SPDX-License-Identifier: GPL-3.0-or-later
/** Plays the rows that break most, each with a fixed seed. `npm run test:faults` plays all rows. */
import { expect, it } from 'vitest';
import { isLong } from '../support/long.ts';
import type { FaultScenario } from './loads.ts';
import { rowOf } from './rows.ts';
import { lineOf, playAll, replayOf } from './suite.ts';

// On a slow machine a row may be played twice, the second time for longer.
const timeoutMs = 400_000;

type TestedRun = { row: number; scenario: FaultScenario; seed: number };

const shortRuns: TestedRun[] = [
  { row: 1, scenario: 'mixed', seed: 101 },
  { row: 4, scenario: 'mixed', seed: 104 },
  { row: 4, scenario: 'redeem', seed: 204 },
  { row: 7, scenario: 'mixed', seed: 107 },
  { row: 7, scenario: 'holds', seed: 207 },
];
const longRuns: TestedRun[] = [
  { row: 1, scenario: 'holds', seed: 201 },
  { row: 1, scenario: 'redeem', seed: 301 },
  { row: 4, scenario: 'holds', seed: 304 },
  { row: 7, scenario: 'redeem', seed: 307 },
  { row: 8, scenario: 'mixed', seed: 108 },
  { row: 8, scenario: 'holds', seed: 208 },
  { row: 8, scenario: 'redeem', seed: 308 },
  { row: 17, scenario: 'mixed', seed: 117 },
  { row: 28, scenario: 'mixed', seed: 128 },
  { row: 28, scenario: 'holds', seed: 228 },
  { row: 28, scenario: 'redeem', seed: 328 },
  { row: 29, scenario: 'mixed', seed: 129 },
  { row: 30, scenario: 'retry-storm', seed: 130 },
];

it.each(isLong ? longRuns : shortRuns)(
  'row $row, $scenario, seed $seed',
  async ({ row, scenario, seed }) => {
    const [result] = await playAll([{ row: rowOf(row), scenario, seed }], () => undefined);
    if (result === undefined) throw new Error('nothing was played');
    const report = [lineOf(result), ...result.findings, `again: ${replayOf(result)}`].join('\n');
    expect(result.verdict, report).toBe('passed');
  },
  timeoutMs,
);
