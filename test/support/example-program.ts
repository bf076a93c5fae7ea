// SPDX-License-Identifier: GPL-3.0-or-later
import { join } from 'node:path';
import { launch } from './service-process.ts';
import { waitFor } from './wait-for.ts';

const examples = join(import.meta.dirname, '../../examples');

/**
 * Starts an example as a reader would, and waits until it has written `ready`. Rejects with its output if it ends before.
 * `endServiceProcesses` ends it.
 */
export async function startExampleProgram(
  file: string,
  { ready, env }: { ready: RegExp; env: Record<string, string> },
) {
  const program = launch(env, [], [process.execPath, join(examples, file)]);
  const isReady = await waitFor(`start of ${file}`, () => {
    if (ready.test(program.output())) return 'ready';
    return program.hasEnded() ? 'ended' : undefined;
  });
  if (isReady === 'ended') throw new Error(`${file} did not start:\n${program.output()}`);
  return program;
}
