// SPDX-License-Identifier: GPL-3.0-or-later
import { allowedIn } from './schemas.ts';
import { invalidRequest } from './validation.ts';

/**
 * A limit of the sale window as the database takes it: UTC, to the millisecond. The schema has checked that the text
 * is RFC 3339; here it must also lie in the years 1 to 9999 and must not be a leap second.
 */
export function toWindowTime(
  field: 'opens_at' | 'closes_at',
  value: string | null | undefined,
): string | null | undefined {
  if (value === null || value === undefined) return value;
  const time = new Date(value.replace(' ', 'T'));
  const year = time.getUTCFullYear();
  if (Number.isNaN(year) || year < 1 || year > 9999) {
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
