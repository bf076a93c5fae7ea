// SPDX-License-Identifier: GPL-3.0-or-later
/** Plays the rows that break most, each with a fixed seed. `npm run test:faults` plays all rows. */
import { expect, it } from 'vitest';
import { isLong } from '../support/long.ts';
import type { FaultScenario } from './loads.ts';
import { rowOf } from './rows.ts';
import { lineOf, playAll, replayOf } from './suite.ts';

// On a slow machine a row may be played twice, the second time for longer.
const timeoutMs = 900_000;

type TestedRun = { row: number; scenario: FaultScenario; seed: number; isBrief?: boolean };

const shortRuns: TestedRun[] = [
  { row: 1, scenario: 'mixed', seed: 101 },
  { row: 4, scenario: 'mixed', seed: 104 },
  { row: 4, scenario: 'redeem', seed: 204 },
  { row: 7, scenario: 'mixed', seed: 107 },
  { row: 7, scenario: 'holds', seed: 207 },
  { row: 55, scenario: 'mixed', seed: 155 },
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
  { row: 41, scenario: 'sagas', seed: 141 },
  { row: 42, scenario: 'sagas', seed: 142 },
  // Rows 43 and 45 take up to five minutes each. `npm run test:faults` plays them whole.
  { row: 43, scenario: 'sagas', seed: 143, isBrief: true },
  { row: 44, scenario: 'sagas', seed: 144 },
  { row: 46, scenario: 'holds', seed: 246 },
  { row: 47, scenario: 'holds', seed: 247 },
  { row: 50, scenario: 'mixed', seed: 150 },
  { row: 51, scenario: 'mixed', seed: 151 },
  { row: 54, scenario: 'holds', seed: 254 },
  { row: 55, scenario: 'holds', seed: 255 },
  { row: 56, scenario: 'mixed', seed: 156 },
  { row: 57, scenario: 'mixed', seed: 157 },
  { row: 58, scenario: 'holds', seed: 258 },
  { row: 59, scenario: 'mixed', seed: 159 },
  { row: 60, scenario: 'mixed', seed: 160 },
  { row: 61, scenario: 'mixed', seed: 161 },
  { row: 62, scenario: 'mixed', seed: 162 },
  { row: 63, scenario: 'mixed', seed: 163 },
  { row: 64, scenario: 'mixed', seed: 164 },
];

it.each(isLong ? longRuns : shortRuns)(
  'row $row, $scenario, seed $seed',
  async ({ row, scenario, seed, isBrief = !isLong }) => {
    const [result] = await playAll(
      [{ row: rowOf(row), scenario, seed, isBrief, hasRedis: false, isQueued: false }],
      () => undefined,
    );
    if (result === undefined) throw new Error('nothing was played');
    const report = [lineOf(result), ...result.findings, `again: ${replayOf(result)}`].join('\n');
    expect(result.verdict, report).toBe('passed');
  },
  timeoutMs,
);
