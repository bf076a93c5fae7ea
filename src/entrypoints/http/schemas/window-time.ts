// SPDX-License-Identifier: GPL-3.0-or-later
import { allowedIn } from './fields.ts';
import { invalidRequest } from './validation.ts';

// The format of the schema checks the ranges, but accepts any white space for the T, and incomplete offsets.
const rfc3339 = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/i;

/** The start or the end of the sale window, as `toTime` returns it. */
export function toWindowTime(
  field: 'opens_at' | 'closes_at',
  value: string | null | undefined,
): string | null | undefined {
  return value === null || value === undefined ? value : toTime(field, value);
}

/**
 * A time as the database takes it: UTC, to the millisecond. The schema has checked most of RFC 3339. This checks all of it,
 * and refuses leap seconds and years outside of 1 to 9999.
 */
export function toTime(field: 'opens_at' | 'closes_at' | 'since' | 'until', value: string): string {
  const time = new Date(value.replace(' ', 'T').toUpperCase());
  const year = time.getUTCFullYear();
  if (!rfc3339.test(value) || Number.isNaN(year) || year < 1 || year > 9999) {
    throw invalidRequest([{ field, message: allowedIn[field] ?? '' }]);
  }
  return time.toISOString();
}

/** Refuses a window that ends before it begins. */
export function assertWindowOrder(
  opensAt: string | null | undefined,
  closesAt: string | null | undefined,
): void {
  if (opensAt && closesAt && closesAt <= opensAt) {
    throw invalidRequest([{ field: 'closes_at', message: 'must be later than opens_at' }]);
  }
}
