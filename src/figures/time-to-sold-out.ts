// SPDX-License-Identifier: GPL-3.0-or-later

/**
 * In how many seconds `remaining` units are taken, if `takenPerSecond` goes on. Undefined where the rate is unknown, or
 * nothing is taken.
 */
export function secondsToSoldOut(
  remaining: number,
  takenPerSecond: number | undefined,
): number | undefined {
  if (remaining === 0) return 0;
  if (takenPerSecond === undefined || takenPerSecond <= 0) return undefined;
  return remaining / takenPerSecond;
}
