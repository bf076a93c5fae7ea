// SPDX-License-Identifier: GPL-3.0-or-later
import type { SoldOutReader } from '../claims/ports.ts';
import type { HolderSet } from './holder-set.ts';

const holdersPerPage = 5000;

/**
 * Reads the holders of a coupon into a set, in pages along the positions, which may have gaps. Whether exactly `claims` of
 * them were found, and the load was not cancelled meanwhile. Reads at most one page more than that many need.
 */
export async function loadHolders(load: {
  reader: Pick<SoldOutReader, 'listHolders'>;
  couponName: string;
  holders: HolderSet;
  claims: number;
  isCancelled(): boolean;
}): Promise<boolean> {
  const { reader, couponName, holders, claims, isCancelled } = load;
  let read = 0;
  for (let afterPosition: number | undefined = 0; afterPosition !== undefined; ) {
    const page: Awaited<ReturnType<SoldOutReader['listHolders']>> = await reader.listHolders({
      ...{ couponName, afterPosition, limit: holdersPerPage },
    });
    if (isCancelled()) return false;
    read += page.userIds.length;
    // The set has no room for more.
    if (read > claims) return false;
    for (const userId of page.userIds) holders.add(userId);
    afterPosition = page.userIds.length < holdersPerPage ? undefined : page.lastPosition;
  }
  return read === claims;
}
