// SPDX-License-Identifier: GPL-3.0-or-later
/** Lines of styled parts that fit into the columns of a terminal. */
import { columnsOf, cutTo } from '../../core/shown-text.ts';

const styles = { strong: '1', dim: '2', good: '32', warn: '33', bad: '1;31', figure: '36' };

/** A text without control characters, and how it looks where colours are wanted. Words say what colours say. */
export type Part = { text: string; style?: keyof typeof styles | undefined };

/** Parts beside each other. */
export type Line = readonly Part[];

const gap = '  ';
const labelColumns = 'remaining'.length;

/** A label and parts, with two spaces between them. What does not fit continues below, and a part that is too long is cut. */
export function row(label: string, parts: readonly Part[], columns: number): Line[] {
  const indent = labelColumns + gap.length;
  const lines: Part[][] = [[{ text: label.padEnd(labelColumns), style: 'dim' }]];
  let used = labelColumns;
  for (const part of parts) {
    const line = lines.at(-1) as Part[];
    const width = columnsOf(part.text);
    if (used > indent && used + gap.length + width > columns) {
      lines.push([{ text: ' '.repeat(labelColumns) }, { text: gap }, part]);
      used = indent + width;
    } else {
      line.push({ text: gap }, part);
      used += gap.length + width;
    }
  }
  return lines;
}

/** The line as text of at most so many columns. */
export function render(
  line: Line,
  { columns, colours }: { columns: number; colours: boolean },
): string {
  let left = columns;
  let text = '';
  for (const { text: whole, style } of line) {
    const cut = cutTo(left, whole);
    left -= columnsOf(cut);
    text += colours && style !== undefined ? `\u001b[${styles[style]}m${cut}\u001b[0m` : cut;
    if (cut !== whole) break;
  }
  return text.trimEnd();
}
