// SPDX-License-Identifier: GPL-3.0-or-later

/** The word that was probably meant: the nearest one that takes at most two letters more, fewer or other. */
export function nearestWord(text: string, words: readonly string[]): string | undefined {
  let nearest: string | undefined;
  // Of a short word, two letters are too much of it.
  let stepsMax = Math.min(2, Math.floor(text.length / 3));
  for (const word of words) {
    const steps = stepsBetween(text, word);
    if (steps > stepsMax || (steps === stepsMax && nearest !== undefined)) continue;
    nearest = word;
    stepsMax = steps;
  }
  return nearest;
}

/** How many letters must be added, removed or replaced to make one text of the other. */
function stepsBetween(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const replaced = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      const added = (current[column - 1] ?? 0) + 1;
      const removed = (previous[column] ?? 0) + 1;
      current.push(Math.min(replaced, added, removed));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
