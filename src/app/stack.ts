// SPDX-License-Identifier: GPL-3.0-or-later

/**
 * Puts wrappers around a part, innermost first. Each takes the part so far and returns another of the same type.
 * Wrappers that are undefined are optional parts that are off.
 */
export function stack<Part>(
  innermost: Part,
  wrappers: readonly (((next: Part) => Part) | undefined)[],
): Part {
  return wrappers.reduce<Part>((next, wrap) => (wrap === undefined ? next : wrap(next)), innermost);
}
