// SPDX-License-Identifier: GPL-3.0-or-later
import type { ExpirySweepStore } from '../../../core/duties/expiry-sweep.ts';
import type { Database } from '../database.ts';
import { statement } from '../statements.ts';
import { runForDuty } from './run-for-duty.ts';

const findDueCoupons = statement('find-due-coupons');
const countOpenHolds = statement('count-open-holds');
const sweepDueCoupons = statement('sweep-due-coupons');

/** How much one call reads or releases at most: some milliseconds of the database's time. */
export type SweepSizes = { coupons: number; claims: number; slice: number };

const sizesDefault: SweepSizes = { coupons: 1_000, claims: 5_000, slice: 200 };

type SweptRow =
  | { is_held: false }
  | { is_held: true; coupon_id: string; released: number; has_more: boolean };

type CountRow = { holds: number; is_end: boolean; last_coupon_id: string; last_position: number };

/** Finds and releases expired holds in PostgreSQL. */
export function postgresExpirySweep(
  database: Database,
  newBatchId: () => string,
  sizes: SweepSizes = sizesDefault,
): ExpirySweepStore {
  return {
    async findDue(afterId) {
      const [row] = await runForDuty<{ last_id: string | null; due: string | null }>(
        database,
        findDueCoupons,
        [afterId, sizes.coupons],
      );
      const due = JSON.parse(row?.due ?? '[]') as [
        couponId: string,
        couponName: string,
        seconds: number,
      ][];
      return {
        due: due.map(([couponId, couponName, seconds]) => ({
          ...{ couponId, couponName, overdueMs: seconds * 1_000 },
        })),
        next: row?.last_id ?? undefined,
      };
    },

    async sweep({ epoch }, couponIds) {
      const rows = await runForDuty<SweptRow>(database, sweepDueCoupons, [
        epoch,
        couponIds,
        couponIds.map(newBatchId),
        sizes.slice,
      ]);
      const swept = [];
      for (const row of rows) {
        if (!row.is_held) return 'lease_lost';
        const { coupon_id: couponId, released, has_more: hasMore } = row;
        swept.push({ couponId, released, hasMore });
      }
      return swept;
    },

    async countHolds({ couponId, position }) {
      const [row] = await runForDuty<CountRow>(database, countOpenHolds, [
        ...[couponId, position, sizes.coupons, sizes.claims],
      ]);
      const next =
        row === undefined || row.is_end
          ? undefined
          : { couponId: row.last_coupon_id, position: row.last_position };
      return { holds: row?.holds ?? 0, next };
    },
  };
}
