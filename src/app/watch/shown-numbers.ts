// SPDX-License-Identifier: GPL-3.0-or-later
/** Numbers and times for people. */
import { millis, whole } from '../../proof/numbers.ts';

/** Stands for what is unknown. */
export const unknown = '–';

/** A count; `–` where it is unknown. */
export function count(value: number | null | undefined): string {
  return value === null || value === undefined ? unknown : whole(value);
}

/** Events per second; with a decimal below 10, so that a rare event is not 0. */
export function rate(perSecond: number | undefined): string {
  if (perSecond === undefined) return unknown;
  return perSecond === 0 || perSecond >= 10 ? whole(perSecond) : perSecond.toFixed(1);
}

/** A time in which something was answered, with its unit. */
export function answerTime(ms: number | null): string {
  return ms === null ? unknown : `${millis(ms)} ms`;
}

/** A time in seconds as its two or three largest units, such as `1 h 02 m 13 s`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const [days, hours] = [Math.floor(whole / 86_400), Math.floor(whole / 3600) % 24];
  const [minutes, rest] = [Math.floor(whole / 60) % 60, whole % 60];
  const two = (value: number) => String(value).padStart(2, '0');
  if (days > 0) return `${days} d ${two(hours)} h ${two(minutes)} m`;
  if (hours > 0) return `${hours} h ${two(minutes)} m ${two(rest)} s`;
  if (minutes > 0) return `${minutes} m ${two(rest)} s`;
  return `${rest} s`;
}

/** A share of a whole in percent: 100 % is all of it, and 0 % nothing. */
export function percent(part: number, all: number): string {
  const share = (part / all) * 100;
  if (part > 0 && share < 1) return '< 1 %';
  return `${Math.floor(share)} %`;
}

/** A moment by the clock and in the zone of this machine, such as `2030-01-31 19:00:00 GMT+1`. */
export function localTime(ms: number, timeZone?: string): string {
  const format = new Intl.DateTimeFormat('sv-SE', {
    ...{ dateStyle: 'short', timeStyle: 'medium' },
    ...(timeZone !== undefined && { timeZone }),
  });
  const zone = new Intl.DateTimeFormat('en-US', {
    ...{ timeZoneName: 'short' },
    ...(timeZone !== undefined && { timeZone }),
  });
  const name = zone.formatToParts(ms).find(({ type }) => type === 'timeZoneName')?.value;
  return `${format.format(ms)} ${name}`;
}

const toSecond = 'yyyy-mm-ddThh:mm:ss'.length;

/** A moment in UTC, such as `2030-01-31T18:00:00Z`. */
export function utcTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, toSecond)}Z`;
}
