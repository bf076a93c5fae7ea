// SPDX-License-Identifier: GPL-3.0-or-later
import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';
import { isatty } from 'node:tty';

/**
 * Lets this process come to its end in order when its terminal has closed, or whoever read what it says has gone: what
 * cannot be said any more is lost. Says whether it has a terminal now.
 */
export function outliveTerminal(): { hasTerminal: boolean } {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  const terminals = [0, 1, 2].filter((descriptor) => isatty(descriptor));
  process.once('exit', () => {
    for (const descriptor of terminals) {
      if (isatty(descriptor)) continue;
      // Node would put its modes back now, and abort as it cannot; what leads elsewhere it leaves alone.
      closeSync(descriptor);
      // Takes the lowest number that is free, which is this one.
      openSync(devNull, 'r+');
    }
  });
  return { hasTerminal: terminals.length > 0 };
}

/** Writes a line for a person to standard output. */
export function sayOnTerminal(line: string): void {
  process.stdout.write(`${line}\n`);
}
