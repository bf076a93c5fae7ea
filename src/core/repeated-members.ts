// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * Finds a repeated member in a JSON text. The parser keeps the last one, but a gateway in front may have checked the
 * first. This runs for every claim, so it first counts the members of the text and of the parsed value. Only where the
 * value has fewer does it search the text.
 */

const quote = 0x22;
const colon = 0x3a;
const backslash = 0x5c;

/** The number of members in all objects of a valid JSON text, with repeated ones. */
export function membersInText(text: string): number {
  let members = 0;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    // Outside of strings a colon only follows the name of a member.
    if (code === colon) members += 1;
    else if (code === quote) index = endOfString(text, index);
  }
  return members;
}

/** The number of members in all objects of a parsed value; NaN where it is nested deeper than `depthMax`. */
export function membersInValue(value: unknown, depthMax: number): number {
  if (typeof value !== 'object' || value === null) return 0;
  if (depthMax === 0) return Number.NaN;
  if (Array.isArray(value)) {
    let members = 0;
    for (const item of value) members += membersInValue(item, depthMax - 1);
    return members;
  }
  const names = Object.keys(value);
  let members = names.length;
  for (const name of names) {
    members += membersInValue((value as Record<string, unknown>)[name], depthMax - 1);
  }
  return members;
}

/** The first repeated name in a valid JSON text; undefined where no name is repeated. */
export function repeatedMember(text: string): string | undefined {
  // For each open object its names so far; undefined for an open array.
  const open: (Set<string> | undefined)[] = [];
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index];
    if (character === '{') open.push(new Set());
    else if (character === '[') open.push(undefined);
    else if (character === '}' || character === ']') open.pop();
    else if (character === '"') {
      const end = endOfString(text, index);
      if (isName(text, end)) {
        const name: string = JSON.parse(text.slice(index, end + 1));
        const names = open.at(-1);
        if (names?.has(name)) return name;
        names?.add(name);
      }
      index = end;
    }
  }
  return undefined;
}

/**
 * The index of the quote that ends the string that begins at `start`. Goes from quote to quote with `indexOf`, which is
 * faster than a loop over all characters. A quote after an odd number of backslashes belongs to the string.
 */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end >= 0) {
    let before = end - 1;
    while (text.charCodeAt(before) === backslash) before -= 1;
    if ((end - before) % 2 === 1) return end;
    end = text.indexOf('"', end + 1);
  }
  return text.length;
}

/** Whether the string that ends at `end` is the name of a member. */
function isName(text: string, end: number): boolean {
  let index = end + 1;
  while (' \t\r\n'.includes(text[index] ?? ':')) index += 1;
  return text[index] === ':';
}
