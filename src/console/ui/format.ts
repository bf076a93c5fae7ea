// SPDX-License-Identifier: GPL-3.0-or-later
/** How numbers and times are written. What is unknown is a dash, and never 0. */

/** Stands for a value that is not known. */
export const unknown = '–';

type Maybe<Value> = Value | null | undefined;

const counts = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat('en-US', { maximumFractionDigits: 1 });

/** `12,345`. */
export function formatCount(count: Maybe<number>): string {
  return count == null ? unknown : counts.format(count);
}

/** `1 claim`, `12,345 claims`. */
export function formatCountOf(
  count: Maybe<number>,
  [one, many]: readonly [one: string, many: string],
): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** A rate a second: `0.4`, `12`, `1,234`. */
export function formatRate(rate: Maybe<number>): string {
  if (rate == null) return unknown;
  return rate < 10 ? tenths.format(rate) : counts.format(rate);
}

/** Milliseconds: `6.7 ms`, `120 ms`, `3.2 s`. */
export function formatMilliseconds(ms: Maybe<number>): string {
  if (ms == null) return unknown;
  if (ms >= 1_000) return `${tenths.format(ms / 1_000)} s`;
  return `${(ms < 10 ? tenths : counts).format(ms)} ms`;
}

/** A length of time in its two largest units: `45 s`, `3 min 20 s`, `2 h 5 min`, `4 d 3 h`. */
export function formatDuration(ms: Maybe<number>): string {
  if (ms == null) return unknown;
  const seconds = Math.max(0, Math.round(ms / 1_000));
  const units: [string, number][] = [
    ['d', 86_400],
    ['h', 3_600],
    ['min', 60],
    ['s', 1],
  ];
  const first = units.findIndex(([, size]) => seconds >= size);
  if (first === -1) return '0 s';
  let rest = seconds;
  const parts = units.slice(first, first + 2).map(([name, size]) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return [count, name] as const;
  });
  return parts
    .filter(([count], index) => index === 0 || count > 0)
    .map(([count, name]) => `${count} ${name}`)
    .join(' ');
}

/** How far a moment is away: `in 3 min 20 s`, `2 h ago`. */
export function formatDistance(momentMs: number, nowMs: number): string {
  const distanceMs = momentMs - nowMs;
  return distanceMs > 0 ? `in ${formatDuration(distanceMs)}` : `${formatDuration(-distanceMs)} ago`;
}

/** What a moment is in local time with its zone, and in UTC. The zone is the browser's unless another is given. */
export function formatMoment(
  moment: string | number,
  timeZone?: string,
): { local: string; utc: string } {
  const date = new Date(moment);
  const local = momentsIn(timeZone).format(date);
  return { local, utc: `${date.toISOString().slice(0, 19).replace('T', ' ')} UTC` };
}

// Creating one takes far longer than using it, and a list shows hundreds of moments.
const moments = new Map<string | undefined, Intl.DateTimeFormat>();

function momentsIn(timeZone: string | undefined): Intl.DateTimeFormat {
  let format = moments.get(timeZone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-GB', {
      ...{ weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' },
      ...{ hour: '2-digit', minute: '2-digit', second: '2-digit', timeZoneName: 'short' },
      ...(timeZone === undefined ? {} : { timeZone }),
    });
    moments.set(timeZone, format);
  }
  return format;
}

// Characters that are invisible, or change the direction or the place of those around them.
const deceptive = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}]/gu;

/** Text of others with its invisible characters made visible: `[U+202E]`. */
export function showInvisible(text: string): string {
  return text.replace(deceptive, (character) => {
    const code = character.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0');
    return `[U+${code}]`;
  });
}
