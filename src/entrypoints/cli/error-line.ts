// SPDX-License-Identifier: GPL-3.0-or-later
import { inLines } from '../../core/lines.ts';
import { shownLines } from '../../core/shown-text.ts';
import type { Output } from './program.ts';

const prefix = 'firstcome: ';

/**
 * A line of an error after the name of the program. On a terminal a long line is wrapped. The lines that follow have an
 * indent instead of the prefix, so that a statement in them can be copied.
 */
export function errorLine(line: string, { errorColumns }: Output): string {
  // A line that starts with spaces is a command or statement to copy.
  if (errorColumns === undefined || line.startsWith('  ')) return prefix + line;
  return prefix + inLines(shownLines(line), errorColumns, ' '.repeat(prefix.length)).trimStart();
}
