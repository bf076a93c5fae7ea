// SPDX-License-Identifier: GPL-3.0-or-later
import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';
import { isatty } from 'node:tty';
import { shownLines } from '../core/shown-text.ts';

const streams = [process.stdout, process.stderr];

/** A reader such as `head` that has read enough is no error: later output is lost, and the command goes on to its exit code. */
export function outliveReader(): void {
  for (const stream of streams) stream.on('error', throwUnlessBrokenPipe);
}

function throwUnlessBrokenPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}

/**
 * Lets this process stop normally after its terminal has closed or the reader of its output has ended. Later output is
 * lost. Returns whether the process has a terminal now.
 */
export function outliveTerminal(): { hasTerminal: boolean } {
  for (const stream of streams)
    stream.off('error', throwUnlessBrokenPipe).on('error', () => undefined);
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

/** Writes lines for a person to standard output. */
export function sayOnTerminal(text: string): void {
  process.stdout.write(`${shownLines(text)}\n`);
}
