// SPDX-License-Identifier: GPL-3.0-or-later

/** Wraps a text to lines of at most `columnsMax` columns, each with the indent. A longer word has its own line. */
export function inLines(text: string, columnsMax: number, indent = ''): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && indent.length + longer.length > columnsMax) {
      lines.push(indent + line);
      line = word;
    } else {
      line = longer;
    }
  }
  return [...lines, indent + line].join('\n');
}
