// SPDX-License-Identifier: GPL-3.0-or-later
import { couponNotFound } from '../coupons/coupon.ts';
import { unreadName } from './outcome-counts.ts';
import type { OutcomeReader, OutcomeWindow } from './ports.ts';

/** The outcomes of a coupon, and those of claims whose body was not read, which may be of any coupon. */
export type OutcomesOfCoupon = { ofCoupon: OutcomeWindow; unread: OutcomeWindow };

/** Reads what all processes have counted. */
export type ReadOutcomes = {
  /** The last seconds, whole minutes of them. Rejects with `coupon_not_found`. */
  history(couponName: string, minutes: number): Promise<OutcomesOfCoupon>;
  /** The last half minute of each coupon that exists, and under the empty name those of unread claims. */
  latest(couponNames: readonly string[]): Promise<ReadonlyMap<string, OutcomeWindow>>;
};

/** How many minutes can be read back. They are kept for a little longer. */
export const historyMinutesMax = 15;

// A stream gets the seconds of a short outage afterwards.
const latestSeconds = 30;

/** Creates the use case over a reader. */
export function readOutcomesWith(reader: OutcomeReader): ReadOutcomes {
  return {
    async history(couponName, minutes) {
      const windows = await reader.read([couponName, unreadName], minutes * 60);
      const ofCoupon = windows.get(couponName);
      const unread = windows.get(unreadName);
      if (ofCoupon === undefined || unread === undefined) throw couponNotFound();
      return { ofCoupon, unread };
    },
    latest: (couponNames) => reader.read([...couponNames, unreadName], latestSeconds),
  };
}
