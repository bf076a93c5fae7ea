// SPDX-License-Identifier: GPL-3.0-or-later
/** Arithmetic and number formats of the reports. */

/** The middle value, or the mean of the two in the middle; undefined when there is none. */
export function median(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle];
  if (upper === undefined) return undefined;
  if (sorted.length % 2 === 1) return upper;
  return ((sorted[middle - 1] ?? upper) + upper) / 2;
}

/** One number divided by another; undefined when either is missing, or the second is 0. */
export function ratio(
  dividend: number | undefined,
  divisor: number | undefined,
): number | undefined {
  if (dividend === undefined || divisor === undefined || divisor === 0) return undefined;
  return dividend / divisor;
}

/** Formats a number for people: three significant digits, integers in full, thousands separated by commas. */
export function shown(value: number | undefined): string {
  if (value === undefined) return '';
  if (Number.isInteger(value)) return value.toLocaleString('en-US');
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US');
  if (Math.abs(value) >= 100) return value.toFixed(0);
  if (Math.abs(value) >= 10) return value.toFixed(1);
  return value.toFixed(2);
}

/** Megabytes with their unit; undefined where the system does not report memory. */
export function memoryText(megabytes: number | undefined): string {
  return megabytes === undefined ? 'not measured' : `${shown(megabytes)} MB`;
}
