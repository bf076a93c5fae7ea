// SPDX-License-Identifier: GPL-3.0-or-later
/** The package as npm packs it, and programs that are run beside it. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { endOf, exitOf } from './end-of-process.ts';

const root = join(import.meta.dirname, '../..');
// The slowest installs packages.
const endMsMax = 250_000;

/** What `npm pack` says about the package. */
export type Packed = {
  filename: string;
  size: number;
  unpackedSize: number;
  files: { path: string }[];
};

/** The end of a program, with everything that it wrote. */
export type Ended = { code: number | null; output: string };

/** Packs this repository, as it is built, into a folder. */
export async function packInto(folder: string): Promise<Packed> {
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
  const { output } = await launchIn(root, 'npm', args).ended();
  return JSON.parse(output.slice(output.indexOf('['), output.lastIndexOf(']') + 1))[0];
}

/** Starts a command in a folder, without the environment of this process. */
export function launchIn(
  cwd: string,
  command: string,
  args: string[],
  env: Record<string, string> = {},
) {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(command, args, {
    ...{ cwd, env: { PATH, HOME, ...env }, stdio: ['ignore', 'pipe', 'pipe'], detached: true },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const exited = exitOf(child);
  const ended = async (): Promise<Ended> => {
    const { code } = await endOf({ child, exited, output: () => output }, endMsMax);
    return { code, output };
  };
  const signal = (name: NodeJS.Signals) => process.kill(-(child.pid ?? 0), name);
  return { output: () => output, ended, signal };
}
