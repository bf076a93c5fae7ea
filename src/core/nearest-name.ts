// SPDX-License-Identifier: GPL-3.0-or-later

/** Whether two names are close enough to be one, misspelt. Both come without case and separators. */
export type IsNear = (edits: number, known: string, given: string) => boolean;

// No rule calls names near that differ by more, so a long text costs nothing.
const editsMax = 3;

/** Up to a third of it is wrong: for a name that is refused in any case, so that a wrong guess does no harm. */
export const isSimilar: IsNear = (edits, known) => edits <= Math.max(1, known.length / 3);

/**
 * The known name that a given one is probably meant to be: the first of the closest. Case, spaces, hyphens, dots and
 * underscores do not count.
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
 * How many edits lead from one text to another: a character added, left out or replaced, or two neighbours swapped (the
 * optimal string alignment distance). Where more than `enough` are certain, it is infinite.
 */
export function editDistance(from: string, to: string, enough = Number.POSITIVE_INFINITY): number {
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
    // A swap reaches back one row further, at the price of an edit.
    if (Math.min(...edits) > enough && Math.min(...last) > enough) return Number.POSITIVE_INFINITY;
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
