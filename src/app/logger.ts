// SPDX-License-Identifier: GPL-3.0-or-later
import { writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { type Logger, pino } from 'pino';
import type { Config } from '../config.ts';
import { toHumanLine } from './human-log.ts';

const standardError = 2;
const fullPipeMs = 10;
const neverSet = new Int32Array(new SharedArrayBuffer(4));

/**
 * The log, on standard error, since standard output is for answers: one JSON line an event for programs, and plain words
 * where standard error is a terminal.
 */
export function createLogger(config: Config): Logger {
  const write = isatty(standardError) ? (line: string) => writeLine(toHumanLine(line)) : writeLine;
  return pino(
    {
      level: config.logLevel,
      base: { service: 'firstcome' },
      redact: ['authorization', '*.authorization', 'headers.authorization', 'url.password'],
    },
    { write },
  );
}

/**
 * Not the destination of the library, which throws in the middle of whatever has something to log: a line that cannot be
 * written, as the terminal has closed, the reader has gone or the disk is full, is lost, and the service goes on.
 */
function writeLine(line: string): void {
  const bytes = Buffer.from(line);
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(standardError, bytes, at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return;
      // Somebody has made the pipe one that does not wait, and it is full.
      Atomics.wait(neverSet, 0, 0, fullPipeMs);
    }
  }
}
