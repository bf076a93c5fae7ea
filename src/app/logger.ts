// SPDX-License-Identifier: GPL-3.0-or-later
import { writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { type Logger, pino } from 'pino';
import type { Config } from '../config.ts';
import { toHumanLine } from './human-log.ts';

const standardError = 2;
const fullPipeMs = 10;
const neverNotified = new Int32Array(new SharedArrayBuffer(4));

/**
 * The log. It goes to standard error, since standard output is for results: one JSON line per event, or plain text if
 * standard error is a terminal.
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
 * Replaces the destination of pino, which throws into the code that logs. Here the service goes on, and a line is lost
 * when the terminal has closed, the reader of the pipe has ended or the disk is full.
 */
function writeLine(line: string): void {
  const bytes = Buffer.from(line);
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(standardError, bytes, at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return;
      // The pipe is full, and another process has made it non-blocking.
      Atomics.wait(neverNotified, 0, 0, fullPipeMs);
    }
  }
}

/** Where parts of a process log that know nothing of the library. */
export type PlainLog = Record<
  'error' | 'warn' | 'info' | 'debug',
  (event: Record<string, unknown>, message: string) => void
>;

/** A log for them. */
export function plainLogOf(log: Logger): PlainLog {
  return {
    error: (event, message) => log.error(event, message),
    warn: (event, message) => log.warn(event, message),
    info: (event, message) => log.info(event, message),
    debug: (event, message) => log.debug(event, message),
  };
}
