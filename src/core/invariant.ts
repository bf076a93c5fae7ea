// SPDX-License-Identifier: GPL-3.0-or-later

/** Throws when a condition is false that only a bug can make false. The caller gets the code `internal`. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`invariant broken: ${message}`);
}
