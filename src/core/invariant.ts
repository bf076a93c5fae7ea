// SPDX-License-Identifier: GPL-3.0-or-later

/** A bug stops here: throws when something that cannot be false is false. The caller hears `internal`. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`invariant broken: ${message}`);
}
