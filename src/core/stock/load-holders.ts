// SPDX-License-Identifier: GPL-3.0-or-later
import type { CachedCoupon } from './cached-coupons.ts';
import type { SoldOutReader } from './ports.ts';

const holdersPerPage = 5000;

/**
 * Reads the holders after `coupon.lastClaim` into the set, in pages along the positions, which may have gaps. Each page
 * proves that the one before it is of the same past, so a load can go on where an earlier one has ended. Returns how
 * many were read; undefined where the load cannot go on: the database does not know the last claim, `makeRoom` has
 * found no room, or the load was cancelled.
 */
export async function loadHolders(load: {
  reader: Pick<SoldOutReader, 'listHolders'>;
  couponName: string;
  coupon: CachedCoupon;
  makeRoom(count: number): boolean;
  isCancelled(): boolean;
}): Promise<number | undefined> {
  const { reader, couponName, coupon, makeRoom, isCancelled } = load;
  for (let read = 0; ; ) {
    const after = coupon.lastClaim;
    const page = await reader.listHolders({ couponName, after, limit: holdersPerPage });
    if (isCancelled() || page === 'unknown_claim') return undefined;
    const { userIds, last } = page;
    if (!makeRoom(userIds.length)) return undefined;
    coupon.holders.reserve(userIds.length);
    for (const userId of userIds) coupon.holders.add(userId);
    coupon.lastClaim = last ?? after;
    read += userIds.length;
    if (userIds.length < holdersPerPage) return read;
  }
}
