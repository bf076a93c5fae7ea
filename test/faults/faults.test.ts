// SPDX-License-Identifier: GPL-3.0-or-later
/** Plays the rows that break most, each with a fixed seed. `npm run test:faults` plays all rows. */
import { expect, it } from 'vitest';
import { isLong } from '../support/long.ts';
import { rowOf } from './rows.ts';
import { lineOf, playAll, replayOf } from './suite.ts';

// On a slow machine a row may be played twice, the second time for longer.
const timeoutMs = 400_000;

const shortRows = { 1: 101, 4: 104, 7: 107 };
const longRows = { 8: 108, 17: 117, 28: 128, 29: 129, 30: 130 };

it.each(Object.entries(isLong ? longRows : shortRows))(
  'row %s, seed %i',
  async (row, seed) => {
    const [result] = await playAll([{ row: rowOf(Number(row)), seed }], () => undefined);
    if (result === undefined) throw new Error('nothing was played');
    const report = [lineOf(result), ...result.findings, `again: ${replayOf(result)}`].join('\n');
    expect(result.verdict, report).toBe('passed');
  },
  timeoutMs,
);
