// SPDX-License-Identifier: GPL-3.0-or-later
import type { EventRelayStore } from '../../../core/events/ports.ts';
import type { Database } from '../database.ts';
import { runForDuty } from '../duties/run-for-duty.ts';
import { statement } from '../statements.ts';

const findUnreadLedgers = statement('find-unread-ledgers');
const recordSaleState = statement('record-sale-state');
const relayLedger = statement('relay-ledger');

/** How much one call reads at most: some milliseconds of the database's time. */
export type RelaySizes = { coupons: number; rows: number };

const sizesDefault: RelaySizes = { coupons: 1_000, rows: 8 };

type RelayedRow = { is_held: false } | { is_held: true; coupon_id: string; has_more: boolean };

/** Turns the ledger into deliveries in PostgreSQL. */
export function postgresEventRelay(
  database: Database,
  sizes: RelaySizes = sizesDefault,
): EventRelayStore {
  return {
    async findUnread(afterId) {
      const [row] = await runForDuty<{ last_id: string | null; found: string | null }>(
        database,
        findUnreadLedgers,
        [afterId, sizes.coupons],
      );
      const found = JSON.parse(row?.found ?? '[]') as [string, boolean, boolean][];
      return {
        found: found.map(([couponId, hasRows, hasChanged]) => ({ couponId, hasRows, hasChanged })),
        next: row?.last_id ?? undefined,
      };
    },

    async recordSaleState({ epoch }, couponId) {
      const [row] = await runForDuty<{ is_held: boolean }>(database, recordSaleState, [
        epoch,
        couponId,
      ]);
      return row?.is_held ? 'done' : 'lease_lost';
    },

    async relay({ epoch }, couponIds) {
      const rows = await runForDuty<RelayedRow>(database, relayLedger, [
        epoch,
        couponIds,
        sizes.rows,
      ]);
      const more = [];
      for (const row of rows) {
        if (!row.is_held) return 'lease_lost';
        if (row.has_more) more.push(row.coupon_id);
      }
      return more;
    },
  };
}
