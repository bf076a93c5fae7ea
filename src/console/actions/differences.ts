// SPDX-License-Identifier: GPL-3.0-or-later
import type { Coupon } from '../../client.ts';

const times = ['opens_at', 'closes_at'];

/** The members of a coupon that are not as they were sent. Members that were not sent do not count. */
export function differences(sent: object, coupon: Coupon): string[] {
  const stored = coupon as unknown as Record<string, unknown>;
  return Object.entries(sent)
    .filter(([member, value]) => {
      if (value === undefined || value === stored[member]) return false;
      // The service returns a time in UTC, however it was sent.
      return !(times.includes(member) && isSameTime(value, stored[member]));
    })
    .map(([member]) => member);
}

function isSameTime(first: unknown, second: unknown): boolean {
  return first !== null && second !== null && Date.parse(`${first}`) === Date.parse(`${second}`);
}
