// SPDX-License-Identifier: GPL-3.0-or-later
import type { EventRelayStore } from '../../../core/events/ports.ts';
import { giveUpAfterMs } from '../../../core/webhooks/retry-policy.ts';
import type { Database } from '../database.ts';
import { runForDuty } from '../duties/run-for-duty.ts';
import { statement } from '../statements.ts';

const findUnreadLedgers = statement('find-unread-ledgers');
const recordSaleState = statement('record-sale-state');
const relayLedger = statement('relay-ledger');

const endOldDeliveries = statement('end-old-deliveries');

/** How much one call reads or ends at most: some milliseconds of the database's time. */
export type RelaySizes = { coupons: number; rows: number; deliveries: number };

const sizesDefault: RelaySizes = { coupons: 1_000, rows: 8, deliveries: 1_000 };

const deliveriesKeptMs = 30 * 24 * 60 * 60 * 1_000;

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
        hasBegun: row !== undefined,
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

    async endOldDeliveries({ epoch }) {
      const values = [epoch, giveUpAfterMs, deliveriesKeptMs, sizes.deliveries];
      const [row] = await runForDuty<{ ended: number | null }>(database, endOldDeliveries, values);
      if (row === undefined || row.ended === null) return 'lease_lost';
      return row.ended < sizes.deliveries ? 'done' : 'more';
    },
  };
}
