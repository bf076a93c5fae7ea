// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../clock.ts';
import { OldestOut } from '../oldest-out.ts';

/** The claims of a coupon by state, in one snapshot. */
export type ClaimCounts = {
  reserved: number;
  confirmed: number;
  redeemed: number;
  released: number;
  /** The time of the snapshot by the database, in milliseconds since 1970. */
  atMs: number;
};

/** Counts claims. Resolves to undefined for a name that is no coupon. Rejects when that takes too long or fails. */
export type CountClaims = (couponName: string) => Promise<ClaimCounts | undefined>;

type Known = {
  counts: ClaimCounts | undefined;
  /** Until then the counts are not read again. */
  untilMs: number;
  reading: Promise<ClaimCounts | undefined> | undefined;
};

// A count of millions of claims takes a second or two. So a connection is busy with it a twentieth of the time at most.
const restFactor = 20;
const restMsMin = 1_000;
const restMsAfterFailure = 60_000;
const couponsMax = 1_000;

/**
 * Shares counts among callers: those of a coupon are read again after 20 times as long as the last count took, a second at
 * least, and counts of different coupons one behind the other. The result is undefined where there are no counts: they could
 * not be read in time, and are not tried again for a minute.
 */
export function sharedCounts(count: CountClaims, clock: Pick<Clock, 'nowMs'>): CountClaims {
  const known = new OldestOut<Known>(couponsMax);
  let last: Promise<unknown> = Promise.resolve();
  const read = async (couponName: string, entry: Known) => {
    await last;
    const startMs = clock.nowMs();
    try {
      entry.counts = await count(couponName);
      const nowMs = clock.nowMs();
      entry.untilMs = nowMs + Math.max(restMsMin, (nowMs - startMs) * restFactor);
    } catch {
      entry.untilMs = clock.nowMs() + restMsAfterFailure;
    }
    entry.reading = undefined;
    return entry.counts;
  };
  return (couponName) => {
    const entry = known.get(couponName) ?? { counts: undefined, untilMs: -1, reading: undefined };
    if (entry.reading !== undefined) return entry.reading;
    if (clock.nowMs() < entry.untilMs) return Promise.resolve(entry.counts);
    known.set(couponName, entry);
    entry.reading = read(couponName, entry);
    last = entry.reading;
    return entry.reading;
  };
}
