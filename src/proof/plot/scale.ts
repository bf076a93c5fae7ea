// SPDX-License-Identifier: GPL-3.0-or-later
/** Round values for the ticks of an axis. */
import type { Tick } from './drawing.ts';

/** Round numbers from 0 to at least the largest value. */
export function linearTicks(values: readonly number[]): number[] {
  const largest = Math.max(1, ...values);
  const power = 10 ** Math.floor(Math.log10(largest / 4));
  const step = power * ([1, 2, 5, 10].find((factor) => power * factor * 6 >= largest) ?? 10);
  return Array.from({ length: Math.ceil(largest / step) + 1 }, (_, index) => index * step);
}

/** Powers of ten from below the smallest positive value to above the largest. */
export function logTicks(values: readonly number[]): number[] {
  const positive = values.filter((value) => value > 0);
  const from = Math.floor(Math.log10(positive.length === 0 ? 1 : Math.min(...positive)));
  const to = Math.max(from + 1, Math.ceil(Math.log10(Math.max(1e-9, ...positive))));
  return Array.from({ length: to - from + 1 }, (_, index) => 10 ** (from + index));
}

/** About eight ticks at round seconds. */
export function secondTicks(total: number): Tick[] {
  const step = Math.max(1, roundUp(total / 8));
  return Array.from({ length: Math.floor(total / step) + 1 }, (_, index) => ({
    at: index * step,
    text: tickText(index * step),
  }));
}

/** The text of a tick: up to three significant digits, with commas between thousands. */
export function tickText(value: number): string {
  return value >= 1000 ? value.toLocaleString('en-US') : String(Number(value.toPrecision(3)));
}

/** The next number of the form 1, 2 or 5 times a power of ten. */
function roundUp(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= value * 0.999999) ?? 10;
  return step * power;
}
