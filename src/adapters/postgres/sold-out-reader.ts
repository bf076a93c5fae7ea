// SPDX-License-Identifier: GPL-3.0-or-later
import type { SoldOutReader } from '../../core/claims/ports.ts';
import type { CouponState } from '../../core/coupons/coupon.ts';
import type { Database } from './database.ts';
import { throwAsReadError } from './errors/app-error.ts';
import { statement } from './statements.ts';

type StockRow = {
  name: string;
  id: string;
  ledger_seq: string;
  decided_at: string;
  amount: number;
  remaining_amount: number;
  state: CouponState;
  stock_announced: boolean;
  closes_in_ms: number | null;
};

const readStock = statement('read-stock');
const listHolders = statement('list-holders');

/** Reads from PostgreSQL what the sold-out cache needs. */
export function postgresSoldOutReader(database: Database): SoldOutReader {
  return {
    async readStock(names) {
      const rows = await database.run<StockRow>(readStock, [names]).catch(throwAsReadError);
      return new Map(
        rows.map((row) => [
          row.name,
          {
            version: `${row.id}:${row.ledger_seq}:${row.decided_at}`,
            amount: row.amount,
            remainingAmount: row.remaining_amount,
            state: row.state,
            stockAnnounced: row.stock_announced,
            closesInMs: row.closes_in_ms,
            holdsExpireInMs: null,
          },
        ]),
      );
    },

    async listHolders({ couponName, afterPosition, limit }) {
      const rows = await database
        .run<{ user_id: string; position: number }>(listHolders, [couponName, afterPosition, limit])
        .catch(throwAsReadError);
      return { userIds: rows.map((row) => row.user_id), lastPosition: rows.at(-1)?.position };
    },
  };
}
