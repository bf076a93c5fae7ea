// SPDX-License-Identifier: GPL-3.0-or-later
import { inLines } from '../../core/lines.ts';
import type { Output } from './program.ts';

const prefix = 'firstcome: ';

/**
 * A line of an error behind the name of the program. On a terminal a long line is wrapped; the rest has an indent and no
 * prefix, so that a statement in it can be copied.
 */
export function errorLine(line: string, { errorColumns }: Output): string {
  // A line that begins with spaces is there to be copied.
  if (errorColumns === undefined || line.startsWith('  ')) return prefix + line;
  return prefix + inLines(line, errorColumns, ' '.repeat(prefix.length)).trimStart();
}
