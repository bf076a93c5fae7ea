// SPDX-License-Identifier: GPL-3.0-or-later
/** Local times as `datetime-local` has them, and the moments that they mean. Clocks are set back and forward twice a year. */

const hourMs = 3_600_000;

/** The time zone of the browser, such as `Europe/Berlin`. */
export function browserZone(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** A moment as a local time to the second: `2030-01-31T19:00:00`. */
export function toLocalText(momentMs: number, zone: string): string {
  return new Date(wallClockMs(momentMs, zone)).toISOString().slice(0, 19);
}

/**
 * The moments that a local time means, in milliseconds since 1970. Two where clocks are set back, none where they are set
 * forward, and none for what is no time.
 */
export function momentsOf(localText: string, zone: string): number[] {
  if (!/^\d{4,6}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?$/.test(localText)) return [];
  const wallMs = Date.parse(`${localText}Z`);
  if (Number.isNaN(wallMs)) return [];
  // Clocks change by less than a day, and not twice in two days.
  const offsets = [-24, 24].map((hours) => offsetMs(wallMs + hours * hourMs, zone));
  return [...new Set(offsets)]
    .map((offset) => wallMs - offset)
    .filter((momentMs) => wallClockMs(momentMs, zone) === wallMs)
    .sort((first, second) => first - second);
}

/** The name of the zone's time at a moment, with its distance from UTC: `GMT+1`, `CET`. */
export function zoneTimeName(momentMs: number, zone: string): string {
  const format = new Intl.DateTimeFormat('en-GB', { timeZone: zone, timeZoneName: 'longOffset' });
  return format.formatToParts(momentMs).find(({ type }) => type === 'timeZoneName')?.value ?? zone;
}

function offsetMs(momentMs: number, zone: string): number {
  return wallClockMs(momentMs, zone) - momentMs;
}

/** What a clock in the zone shows, as if it showed UTC. */
function wallClockMs(momentMs: number, zone: string): number {
  const format = new Intl.DateTimeFormat('en-US', {
    ...{ timeZone: zone, hourCycle: 'h23', era: 'short' },
    ...{ year: 'numeric', month: 'numeric', day: 'numeric' },
    ...{ hour: 'numeric', minute: 'numeric', second: 'numeric' },
  });
  const parts = Object.fromEntries(
    format.formatToParts(momentMs).map(({ type, value }) => [type, value]),
  );
  const year = parts.era === 'BC' ? 1 - Number(parts.year) : Number(parts.year);
  const wall = new Date(0);
  wall.setUTCFullYear(year, Number(parts.month) - 1, Number(parts.day));
  wall.setUTCHours(Number(parts.hour), Number(parts.minute), Number(parts.second));
  const milliseconds = ((momentMs % 1_000) + 1_000) % 1_000;
  return wall.getTime() + milliseconds;
}
