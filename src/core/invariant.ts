// SPDX-License-Identifier: GPL-3.0-or-later

/** Throws when a condition that cannot be false is false, which is a bug. The caller gets `internal`. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`invariant broken: ${message}`);
}
