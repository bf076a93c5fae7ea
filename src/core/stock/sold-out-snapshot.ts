// SPDX-License-Identifier: GPL-3.0-or-later
import type { StockSnapshot } from '../claims/ports.ts';
import { snapshotTtlMs } from './snapshot-ttl.ts';

/** Whether every new user is refused as sold out. Not while a change is announced: it may be made once older snapshots have expired. */
export function isSoldOut(snapshot: StockSnapshot | undefined): snapshot is StockSnapshot {
  return (
    snapshot !== undefined &&
    snapshot.state === 'open' &&
    snapshot.remainingAmount === 0 &&
    !snapshot.stockAnnounced
  );
}

/** How long a snapshot stays valid. Not beyond the end of the sale: from then on the answer is `closed`. */
export function validForMs(snapshot: StockSnapshot): number {
  return Math.min(snapshotTtlMs, snapshot.closesInMs ?? snapshotTtlMs);
}
