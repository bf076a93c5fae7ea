// SPDX-License-Identifier: GPL-3.0-or-later
import { type Logger, pino } from 'pino';
import type { Config } from '../config.ts';

/** The log: one JSON line an event, on standard error, since standard output is for people. */
export function createLogger(config: Config): Logger {
  const lines = pino.destination({ dest: 2, sync: true });
  // A terminal that has closed. Of a pipe that nobody reads the library takes care itself.
  lines.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EIO') throw error;
    lines.write = () => true;
  });
  return pino(
    {
      level: config.logLevel,
      base: { service: 'firstcome' },
      redact: ['authorization', '*.authorization', 'headers.authorization', 'url.password'],
    },
    lines,
  );
}
