// SPDX-License-Identifier: GPL-3.0-or-later
/** Plays the rows that break most, each with a fixed seed. `npm run test:faults` plays all rows. */
import { expect, it } from 'vitest';
import type { ClientWay } from './client-gateway.ts';
import type { FaultScenario } from './loads.ts';
import { rowOf } from './rows.ts';
import { lineOf, playAll, replayOf } from './suite.ts';

// On a slow machine a row may be played twice, the second time for longer.
const timeoutMs = 900_000;

type TestedRun = {
  /** Each change; a change that affects the service under faults; every night. */
  when: 'always' | 'affected' | 'nightly';
  row: number;
  scenario: FaultScenario;
  seed: number;
  client?: ClientWay;
};

// A slow machine must play those of a change in ten minutes: of each kind of fault the rows that find most.
const runs: TestedRun[] = [
  { when: 'always', row: 1, scenario: 'mixed', seed: 101 },
  { when: 'always', row: 4, scenario: 'redeem', seed: 204 },
  { when: 'always', row: 7, scenario: 'holds', seed: 207 },
  { when: 'affected', row: 1, scenario: 'mixed', seed: 401, client: 'coalescing' },
  { when: 'affected', row: 8, scenario: 'holds', seed: 208 },
  { when: 'affected', row: 28, scenario: 'mixed', seed: 128 },
  { when: 'affected', row: 29, scenario: 'mixed', seed: 129 },
  { when: 'affected', row: 42, scenario: 'sagas', seed: 142 },
  { when: 'affected', row: 43, scenario: 'sagas', seed: 143 },
  { when: 'affected', row: 47, scenario: 'holds', seed: 247 },
  { when: 'affected', row: 51, scenario: 'mixed', seed: 151 },
  { when: 'affected', row: 55, scenario: 'mixed', seed: 155 },
  { when: 'affected', row: 58, scenario: 'holds', seed: 258 },
  { when: 'affected', row: 60, scenario: 'mixed', seed: 160 },
  { when: 'nightly', row: 1, scenario: 'holds', seed: 201 },
  { when: 'nightly', row: 1, scenario: 'redeem', seed: 301 },
  { when: 'nightly', row: 1, scenario: 'mixed', seed: 501, client: 'single' },
  { when: 'nightly', row: 4, scenario: 'mixed', seed: 104 },
  { when: 'nightly', row: 4, scenario: 'holds', seed: 304 },
  { when: 'nightly', row: 7, scenario: 'mixed', seed: 107 },
  { when: 'nightly', row: 7, scenario: 'redeem', seed: 307 },
  { when: 'nightly', row: 7, scenario: 'mixed', seed: 407, client: 'coalescing' },
  { when: 'nightly', row: 7, scenario: 'mixed', seed: 507, client: 'single' },
  { when: 'nightly', row: 8, scenario: 'mixed', seed: 108 },
  { when: 'nightly', row: 8, scenario: 'redeem', seed: 308 },
  { when: 'nightly', row: 17, scenario: 'mixed', seed: 117 },
  { when: 'nightly', row: 28, scenario: 'holds', seed: 228 },
  { when: 'nightly', row: 28, scenario: 'redeem', seed: 328 },
  { when: 'nightly', row: 30, scenario: 'retry-storm', seed: 130 },
  { when: 'nightly', row: 29, scenario: 'mixed', seed: 429, client: 'coalescing' },
  { when: 'nightly', row: 30, scenario: 'retry-storm', seed: 430, client: 'coalescing' },
  { when: 'nightly', row: 41, scenario: 'sagas', seed: 141 },
  { when: 'nightly', row: 44, scenario: 'sagas', seed: 144 },
  { when: 'nightly', row: 46, scenario: 'holds', seed: 246 },
  { when: 'nightly', row: 50, scenario: 'mixed', seed: 150 },
  { when: 'nightly', row: 54, scenario: 'holds', seed: 254 },
  { when: 'nightly', row: 55, scenario: 'holds', seed: 255 },
  { when: 'nightly', row: 56, scenario: 'mixed', seed: 156 },
  { when: 'nightly', row: 57, scenario: 'mixed', seed: 157 },
  { when: 'nightly', row: 59, scenario: 'mixed', seed: 159 },
  { when: 'nightly', row: 61, scenario: 'mixed', seed: 161 },
  { when: 'nightly', row: 62, scenario: 'mixed', seed: 162 },
  { when: 'nightly', row: 63, scenario: 'mixed', seed: 163 },
  { when: 'nightly', row: 64, scenario: 'mixed', seed: 164 },
];

// Rows of sagas take up to five minutes when they are played whole, as `npm run test:faults` does.
const variant = { isBrief: true, hasRedis: false, isQueued: false };

it.each(runs.filter(({ when }) => when === process.env.FAULT_RUNS))(
  'row $row, $scenario, seed $seed',
  async ({ row, scenario, seed, client }) => {
    const [result] = await playAll(
      [{ ...variant, row: rowOf(row), scenario, seed, client }],
      () => undefined,
    );
    if (result === undefined) throw new Error('nothing was played');
    const report = [lineOf(result), ...result.findings, `again: ${replayOf(result)}`].join('\n');
    expect(result.verdict, report).toBe('passed');
  },
  timeoutMs,
);
