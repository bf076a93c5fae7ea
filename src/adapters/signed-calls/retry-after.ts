// SPDX-License-Identifier: GPL-3.0-or-later

// A date as HTTP writes it (RFC 9110, 5.6.7), but for the form of asctime, which names no time zone.
const httpDate = /^(?:Mon|Tues?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun)(?:day)?, \d.* GMT$/;

/** `Retry-After` in seconds: a number of seconds or a date (RFC 9110, 10.2.3). Undefined for everything else. */
export function secondsOfRetryAfter(text: string | undefined, nowMs: number): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d+$/.test(text)) return Number(text);
  if (!httpDate.test(text)) return undefined;
  const ms = Date.parse(text) - nowMs;
  return Number.isNaN(ms) ? undefined : Math.max(0, Math.ceil(ms / 1_000));
}
