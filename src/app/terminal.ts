// SPDX-License-Identifier: GPL-3.0-or-later
import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';
import { isatty } from 'node:tty';

/**
 * Lets this process stop normally after its terminal has closed or the reader of its output has ended. Later output is
 * lost. Returns whether the process has a terminal now.
 */
export function outliveTerminal(): { hasTerminal: boolean } {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  const terminals = [0, 1, 2].filter((descriptor) => isatty(descriptor));
  process.once('exit', () => {
    for (const descriptor of terminals) {
      if (isatty(descriptor)) continue;
      // Node restores the modes of its terminal at exit, and aborts when the terminal is gone.
      closeSync(descriptor);
      // Gets the lowest free descriptor, which is the one just closed.
      openSync(devNull, 'r+');
    }
  });
  return { hasTerminal: terminals.length > 0 };
}

/** Writes a line for a person to standard output. */
export function sayOnTerminal(line: string): void {
  process.stdout.write(`${line}\n`);
}
