// SPDX-License-Identifier: GPL-3.0-or-later
import type { StockSnapshot } from './ports.ts';
import { announcementWaitMs, snapshotTtlMs } from './snapshot-ttl.ts';

/**
 * Whether every new user is refused as sold out. Not while a change is announced: it may be made once older snapshots
 * have expired. Nor once a hold may have expired: the next claim gets its unit.
 */
export function isSoldOut(snapshot: StockSnapshot): boolean {
  return (
    snapshot.state === 'open' &&
    snapshot.remainingAmount === 0 &&
    !snapshot.stockAnnounced &&
    (snapshot.holdsExpireInMs === null || snapshot.holdsExpireInMs > 0)
  );
}

// The clock of the database may run faster than that of this machine, by as much as an announced change allows for.
const clockRate = snapshotTtlMs / announcementWaitMs;

/**
 * How long a snapshot stays valid. Not beyond the end of the sale: from then on the answer is `closed`. Not until the
 * next possible end of a hold: from then on its unit can be claimed, before any process writes that down.
 */
export function validForMs({ closesInMs, holdsExpireInMs }: StockSnapshot): number {
  const holdsMs = holdsExpireInMs === null ? snapshotTtlMs : holdsExpireInMs * clockRate;
  return Math.min(snapshotTtlMs, closesInMs ?? snapshotTtlMs, holdsMs);
}
