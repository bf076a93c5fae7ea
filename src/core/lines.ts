// SPDX-License-Identifier: GPL-3.0-or-later

/** The text in lines of at most so many columns, each behind the indent; a longer word has a line of its own. */
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
