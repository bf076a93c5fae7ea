// SPDX-License-Identifier: GPL-3.0-or-later
import type { CouponState } from '../../core/coupons/coupon.ts';
import type { SoldOutReader } from '../../core/stock/ports.ts';
import type { Database } from './database.ts';
import { throwAsReadError } from './errors/app-error.ts';
import { statement } from './statements.ts';

type StockRow = {
  name: string;
  amount: number;
  remaining_amount: number;
  state: CouponState;
  stock_announced: boolean;
  closes_in_ms: number | null;
  last_position: number | null;
  last_claim_id: string | null;
  holds_expire_in_ms: number | null;
};

/** Without a user in the one row that is read where there is no holder. */
type HolderRow = {
  user_id: string | null;
  position: number | null;
  claim_id: string | null;
  knows_claim: boolean;
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
            lastClaim: givenPosition(row.last_position, row.last_claim_id) ?? null,
            amount: row.amount,
            remainingAmount: row.remaining_amount,
            state: row.state,
            stockAnnounced: row.stock_announced,
            closesInMs: row.closes_in_ms,
            holdsExpireInMs: row.holds_expire_in_ms,
          },
        ]),
      );
    },

    async listHolders({ couponName, after, limit }) {
      const rows = await database
        .run<HolderRow>(listHolders, [couponName, after?.position ?? 0, after?.claimId, limit])
        .catch(throwAsReadError);
      // Without a row there is no coupon of this name any more.
      if (rows[0]?.knows_claim !== true) return 'unknown_claim';
      const last = rows.at(-1);
      return {
        userIds: rows.flatMap((row) => row.user_id ?? []),
        last: givenPosition(last?.position, last?.claim_id),
      };
    },
  };
}

function givenPosition(position: number | null | undefined, claimId: string | null | undefined) {
  return position && claimId ? { position, claimId } : undefined;
}
