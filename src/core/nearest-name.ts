// SPDX-License-Identifier: GPL-3.0-or-later

/** Whether one name is probably a misspelling of the other. Both are in lower case and without separators. */
export type IsNear = (edits: number, known: string, given: string) => boolean;

// No rule accepts more edits, so long texts need no comparison.
const editsMax = 3;

/** Accepts edits of up to a third of the name: for names that are refused anyway, where a wrong guess does no harm. */
export const isSimilar: IsNear = (edits, known) => edits <= Math.max(1, known.length / 3);

/**
 * The known name that is most similar to a given one; of equally similar ones the first. Ignores case, spaces, hyphens,
 * dots and underscores.
 */
export function nearestName(
  given: string,
  names: Iterable<string>,
  isNear: IsNear = isSimilar,
): string | undefined {
  const text = folded(given);
  let nearest: string | undefined;
  let least = editsMax + 1;
  for (const name of names) {
    const known = folded(name);
    if (Math.abs(known.length - text.length) > editsMax) continue;
    const edits = editDistance(known, text, editsMax);
    if (edits >= least || !isNear(edits, known, text)) continue;
    nearest = name;
    least = edits;
  }
  return nearest;
}

/**
 * The optimal string alignment distance: the edits from one text to another, each of which inserts, deletes or replaces a
 * character or swaps two neighbours. Infinite when it is certainly above `limit`.
 */
export function editDistance(from: string, to: string, limit = Number.POSITIVE_INFINITY): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row += 1) {
    const edits = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const isSame = from[row - 1] === to[column - 1];
      let least = Math.min(
        at(last, column) + 1,
        at(edits, column - 1) + 1,
        at(last, column - 1) + (isSame ? 0 : 1),
      );
      const isSwap =
        row > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      if (isSwap) least = Math.min(least, at(beforeLast, column - 2) + 1);
      edits.push(least);
    }
    // A swap reads the row before the last and costs one edit.
    if (Math.min(...edits) > limit && Math.min(...last) > limit) return Number.POSITIVE_INFINITY;
    beforeLast = last;
    last = edits;
  }
  return at(last, to.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY;
}

function folded(name: string): string {
  return name.toLowerCase().replaceAll(/[\s._-]/g, '');
}
