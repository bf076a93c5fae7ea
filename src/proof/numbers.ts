// SPDX-License-Identifier: GPL-3.0-or-later
/** Figures as people read them. */

/** A whole number with commas between thousands. */
export function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** Milliseconds with about three digits that count. */
export function millis(ms: number): string {
  if (ms >= 100) return whole(ms);
  return ms >= 10 ? ms.toFixed(1) : ms.toFixed(2);
}

/** Seconds with one digit behind the point. */
export function seconds(value: number): string {
  return value.toFixed(1);
}

/** So many things, with the thing's name in the plural where there is not one: `1 unit`, `2 units`. */
export function counted(count: number, name: string): string {
  return `${whole(count)} ${name}${count === 1 ? '' : 's'}`;
}
