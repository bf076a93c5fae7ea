// SPDX-License-Identifier: GPL-3.0-or-later
/** Starts `firstcome watch` in a terminal of its own, and reads the frames that it paints there. */
import { execFileSync } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';
import { familyOf } from './process-family.ts';
import { commandOf, type Exit, launch } from './service-process.ts';
import { scriptProgram } from './terminal.ts';
import { waitFor } from './wait-for.ts';

/** A command in a terminal. */
export type WatchInTerminal = {
  /** Everything that was written to the terminal. */
  output(): string;
  /** The lines of the last frame without escape sequences; undefined before the first. */
  frame(): string[] | undefined;
  /** Gives the terminal another size. */
  resize(columns: number, rows: number): Promise<void>;
  /** Sends a signal to the command itself. */
  signal(name: NodeJS.Signals): Promise<void>;
  ended(): Promise<Exit>;
};

/** Starts it with these arguments in a terminal of this size. */
export function watchInTerminal(
  env: Record<string, string>,
  args: string[],
  { columns, rows }: { columns: number; rows: number },
): WatchInTerminal {
  const words = commandOf(['watch', ...args]).map((word) => `'${word.replaceAll("'", `'\\''`)}'`);
  const shell = `stty cols ${columns} rows ${rows}; exec ${words.join(' ')}`;
  const started = launch(
    { SHELL: '/bin/sh', TERM: 'xterm-256color', ...env },
    [],
    [...[scriptProgram, '--quiet', '--return', '--command', shell, '/dev/null']],
  );
  const pid = () =>
    waitFor('process of the command', () => {
      const family = familyOf(started.pid);
      return family.find(({ command }) => / watch /.test(command) && !/stty/.test(command))?.pid;
    });
  return {
    output: started.output,
    frame: () => framesIn(started.output()).at(-1),
    async resize(columns, rows) {
      const terminal = readlinkSync(`/proc/${await pid()}/fd/1`);
      execFileSync('stty', ['-F', terminal, 'cols', `${columns}`, 'rows', `${rows}`]);
    },
    signal: async (name) => void process.kill(await pid(), name),
    ended: started.ended,
  };
}

/** The frames, as lines. */
function framesIn(output: string): string[][] {
  const [begin, end] = ['\u001b[?2026h', '\u001b[?2026l'];
  return output
    .split(begin)
    .slice(1)
    .filter((text) => text.includes(end))
    .map((text) => stripVTControlCharacters(text.slice(0, text.indexOf(end))).split(/\r+\n/));
}
