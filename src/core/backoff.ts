// SPDX-License-Identifier: GPL-3.0-or-later

/** The time until the next attempt after `failures` failed ones: exponential, with full jitter in its upper half. */
export function backoffMs(
  failures: number,
  firstMs: number,
  maxMs: number,
  random: () => number,
): number {
  const ceilingMs = Math.min(maxMs, firstMs * 2 ** Math.min(failures - 1, 30));
  return Math.round(ceilingMs / 2 + (random() * ceilingMs) / 2);
}
