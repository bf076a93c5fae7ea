// SPDX-License-Identifier: GPL-3.0-or-later
/** Times of a day, for axes and tables that name the zone once. */

const withSeconds = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });
const withoutSeconds = new Intl.DateTimeFormat('en-GB', { timeStyle: 'short' });

/** `18:00:05` in the zone of the browser. */
export function formatTimeOfDay(atMs: number): string {
  return withSeconds.format(atMs);
}

/** `18:00` in the zone of the browser. */
export function formatMinute(atMs: number): string {
  return withoutSeconds.format(atMs);
}

/** The zone of a moment: `GMT+1 (Europe/Berlin)`. The zone is the browser's unless another is given. */
export function formatZone(atMs: number, timeZone?: string): string {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZoneName: 'shortOffset',
    ...(timeZone === undefined ? {} : { timeZone }),
  });
  const offset = format.formatToParts(atMs).find(({ type }) => type === 'timeZoneName')?.value;
  return `${offset} (${format.resolvedOptions().timeZone})`;
}
