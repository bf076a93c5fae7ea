// SPDX-License-Identifier: GPL-3.0-or-later
/** Texts of callers, made harmless for a terminal. */

// Control and format characters, such as U+202E; separators other than a space; what shows nothing or is undefined; and marks
// that would cover other lines.
const unseen = /(?! |\ufe0f)[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]|(?<=\p{M}{3})\p{M}/gu;

/** The text with each character that could move, hide or reorder others as `\u{202e}`, and so the fourth mark on one. */
export function shownText(text: string): string {
  return text.replaceAll(
    unseen,
    (character) => `\\u{${(character.codePointAt(0) as number).toString(16)}}`,
  );
}

/** The same in double quotes, as in JSON, so that spaces at its ends show. */
export function quotedText(text: string): string {
  return shownText(JSON.stringify(text));
}

/** A value as JSON in which the same characters are `\u202e`. */
export function jsonText(value: unknown): string {
  return shownLines(JSON.stringify(value));
}

/** Lines of text or of JSON in which the same characters, other than the ends of lines, are `\u202e`. */
export function shownLines(text: string): string {
  return text.replaceAll(unseen, (character) => {
    if (character === '\n') return character;
    return Array.from(
      { length: character.length },
      (_, place) => `\\u${character.charCodeAt(place).toString(16).padStart(4, '0')}`,
    ).join('');
  });
}

const wide = new RegExp(
  [
    String.raw`[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff]`,
    String.raw`[\ufe10-\ufe19\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6]`,
    String.raw`[\u{16fe0}-\u{1b2ff}\u{1f200}-\u{1f2ff}\u{20000}-\u{3fffd}]`,
    String.raw`\p{Emoji_Presentation}`,
    String.raw`\p{Extended_Pictographic}(?=\ufe0f)`,
  ].join('|'),
  'u',
);

/** How many columns of a terminal a text takes that `shownText` has returned. */
export function columnsOf(text: string): number {
  let columns = 0;
  for (const [character] of text.matchAll(/.\ufe0f?/gsu)) columns += columnsOfOne(character);
  return columns;
}

/** The text, with `…` at its end where it was cut to `max` columns. */
export function cutTo(max: number, text: string): string {
  if (columnsOf(text) <= max) return text;
  if (max < 1) return '';
  let cut = '';
  let columns = 1;
  for (const [character] of text.matchAll(/.\ufe0f?/gsu)) {
    columns += columnsOfOne(character);
    if (columns > max) break;
    cut += character;
  }
  return `${cut}…`;
}

function columnsOfOne(character: string): number {
  if (/^\p{M}/u.test(character)) return 0;
  return wide.test(character) ? 2 : 1;
}
