// SPDX-License-Identifier: GPL-3.0-or-later

/** Reads CSV as RFC 4180 describes it, with any separator. Throws where a quoted field is followed by other text. */
export function parseCsv(text: string, separator = ','): string[][] {
  const lines: string[][] = [];
  let fields: string[] = [];
  for (let at = 0; at < text.length; ) {
    const [field, end] = readField(text, at, separator);
    fields.push(field);
    at = end;
    if (text.startsWith(separator, at)) at += separator.length;
    else if (text.startsWith('\r\n', at) || at === text.length) {
      lines.push(fields);
      fields = [];
      at += 2;
    } else throw new Error(`no field ends at ${at}: ${JSON.stringify(text.slice(at, at + 40))}`);
  }
  return lines;
}

function readField(text: string, from: number, separator: string): [field: string, end: number] {
  if (text[from] !== '"') {
    let end = from;
    while (end < text.length && !text.startsWith(separator, end) && !text.startsWith('\r\n', end)) {
      end += 1;
    }
    return [text.slice(from, end), end];
  }
  let end = from + 1;
  while (text[end] !== '"' || text[end + 1] === '"') {
    if (end >= text.length) throw new Error('a quoted field does not end');
    end += text[end] === '"' ? 2 : 1;
  }
  return [text.slice(from + 1, end).replaceAll('""', '"'), end + 1];
}
