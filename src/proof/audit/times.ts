// SPDX-License-Identifier: GPL-3.0-or-later
const form =
  /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?:Z|([+-])(\d\d):?(\d\d))$/;

/**
 * The microseconds since 1970 of an RFC 3339 time, exact up to the year 2255, where a double stops. `NaN` when the text
 * is not such a time. Compare times as these numbers, since `.5Z` and `.500000Z` are equal.
 */
export function microseconds(text: string): number {
  const match = form.exec(text);
  if (match === null) return Number.NaN;
  const [, year, month, day, hour, minute, second, fraction = '', sign, hours, minutes] = match;
  const ms = Date.UTC(
    Number(year),
    Number(month) - 1,
    Number(day),
    Number(hour),
    Number(minute),
    Number(second),
  );
  const offsetMinutes =
    sign === undefined ? 0 : (sign === '+' ? 1 : -1) * (60 * Number(hours) + Number(minutes));
  return (ms - offsetMinutes * 60_000) * 1000 + Number(fraction.padEnd(6, '0'));
}
