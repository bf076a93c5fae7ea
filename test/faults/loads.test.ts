// SPDX-License-Identifier: GPL-3.0-or-later
import { expect, it } from 'vitest';
import { drillCommand } from '../../src/entrypoints/cli/commands/drill.ts';
import type { DrillArguments, Program } from '../../src/entrypoints/cli/program.ts';
import { Chance } from './fault-row.ts';
import { drillOptions } from './loads.ts';

/** The length that the drill reads from its arguments. */
async function secondsRead(faultSeconds: number): Promise<number | undefined> {
  const { seconds } = drillOptions({ faultSeconds }, 'mixed', new Chance(() => 0.5));
  let read: number | undefined;
  const drill = async (given: DrillArguments) => {
    read = given.seconds;
    return 'passed';
  };
  const program = { scenarios: {}, drill } as unknown as Program;
  const output = { stdout: () => undefined, stderr: () => undefined };
  const command = drillCommand(program, output, () => undefined).exitOverride();
  await command.parseAsync(['mixed', '--seconds', String(seconds)], { from: 'user' });
  return read;
}

it('a drill covers faults of every length that was measured in milliseconds', async () => {
  // 5.5 + 17.486 + 9.5 has 15 decimals.
  for (let ms = 17_000; ms < 18_000; ms += 1) {
    expect(await secondsRead(ms / 1000), `${ms} ms`).toBeGreaterThanOrEqual((ms + 15_000) / 1000);
  }
});
