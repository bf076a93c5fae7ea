// SPDX-License-Identifier: GPL-3.0-or-later
/** Numbers formatted for people. */

/** A whole number with commas between thousands. */
export function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** Milliseconds with about three significant digits. */
export function millis(ms: number): string {
  if (ms >= 100) return whole(ms);
  return ms >= 10 ? ms.toFixed(1) : ms.toFixed(2);
}

/** Seconds with one decimal. */
export function seconds(value: number): string {
  return value.toFixed(1);
}

/** A count with the name of what it counts, in the singular or the plural: `1 unit`, `2 units`. */
export function counted(count: number, name: string): string {
  return `${whole(count)} ${name}${count === 1 ? '' : 's'}`;
}
