// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * Finds a member that stands twice in an object of a JSON text. The parser keeps the last one, but a gateway in front
 * may have checked the first. As this runs for every claim, the members of the text are only counted; the text is
 * searched where the parsed value has fewer.
 */

const quote = 0x22;
const colon = 0x3a;
const backslash = 0x5c;

/** How many members the objects of a valid JSON text have, repeated ones included. */
export function membersInText(text: string): number {
  let members = 0;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    // Outside of texts a colon stands behind the name of a member and nowhere else.
    if (code === colon) members += 1;
    else if (code === quote) index = endOfString(text, index);
  }
  return members;
}

/** How many members the objects in a parsed value have; NaN where it is nested deeper than `depthMax`. */
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

/** The first name in a valid JSON text that its object has already; undefined where there is none. */
export function repeatedMember(text: string): string | undefined {
  // An object's names so far, or undefined for an array.
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
 * The index of the quote that ends the string that begins at `start`. Goes from quote to quote, which the engine finds
 * faster than any loop: one behind an odd number of backslashes belongs to the string.
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
