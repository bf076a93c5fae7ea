// SPDX-License-Identifier: GPL-3.0-or-later
import { readFileSync } from 'node:fs';

/**
 * The number of files and connections that this process may open. Node raises it to the hard limit at its start.
 * Undefined on a system without `/proc`.
 */
export function openFilesMax(): number | undefined {
  try {
    return readLimit(readFileSync('/proc/self/limits', 'utf8'));
  } catch {
    return undefined;
  }
}

/** Reads the limit from the text of `/proc/PID/limits`; undefined when there is none. */
export function readLimit(limits: string): number | undefined {
  const soft = /^Max open files +(\d+) /m.exec(limits)?.[1];
  return soft === undefined ? undefined : Number(soft);
}
