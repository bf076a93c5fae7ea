// SPDX-License-Identifier: GPL-3.0-or-later
/** At most this many requests in this many seconds. */
export type Rate = { requests: number; seconds: number };

// A timer of Node takes 24 days at most, and Redis keeps a count for as long as its window.
const secondsMax = 86_400;

const secondsOf: Record<string, number> = { s: 1, m: 60, h: 3600 };

/** Reads a rate such as `50/1s` or `600/1m`; undefined if the text is none. A window has 24 hours at most. */
export function readRate(text: string): Rate | undefined {
  const form = /^([1-9]\d{0,8})\/([1-9]\d{0,4})([smh])$/;
  const [, requests, count, unit = ''] = form.exec(text) ?? [];
  const seconds = Number(count) * (secondsOf[unit] ?? 0);
  return seconds > 0 && seconds <= secondsMax ? { requests: Number(requests), seconds } : undefined;
}

/** The rate as a setting has it, with the longest unit that fits: `600/1m`. */
export function rateText({ requests, seconds }: Rate): string {
  const [unit = 's', length = 1] =
    Object.entries(secondsOf)
      .reverse()
      .find(([, one]) => seconds % one === 0) ?? [];
  return `${requests}/${seconds / length}${unit}`;
}
