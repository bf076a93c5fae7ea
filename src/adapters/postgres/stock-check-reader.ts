// SPDX-License-Identifier: GPL-3.0-or-later
import type { CheckedPage, RowCursor, StockCheckReader } from '../../core/stock-check.ts';
import { throwAsReadError } from './app-error.ts';
import type { Database } from './database.ts';
import { type Statement, statement } from './statements.ts';

const checkCoupons = statement('check-coupons');
const checkClaims = statement('check-claims');
const checkLedger = statement('check-ledger');

/** How many rows a page has at most: a few milliseconds of the database's time. */
export type PageSizes = { coupons: number; rows: number };

const pageSizes: PageSizes = { coupons: 100, rows: 2000 };

/** Reads from PostgreSQL what the check of the stock compares. */
export function postgresStockCheckReader(
  database: Database,
  sizes: PageSizes = pageSizes,
): StockCheckReader {
  const checkRows = async (page: Statement, from: RowCursor): Promise<CheckedPage<RowCursor>> => {
    const [row] = await database
      .run<{ read: number; last_coupon_id: string; last_number: string; difference: number }>(
        page,
        [...[from.couponId, from.number, sizes.rows]],
      )
      .catch(throwAsReadError);
    if (row === undefined || row.read < sizes.rows) {
      return { next: undefined, difference: row?.difference ?? 0 };
    }
    const next = { couponId: row.last_coupon_id, number: Number(row.last_number) };
    return { next, difference: row.difference };
  };
  return {
    async checkCoupons(afterId) {
      const [row] = await database
        .run<{
          coupons: number;
          last_id: string | null;
          amount: number;
          remaining: number;
          difference: number;
        }>(checkCoupons, [afterId, sizes.coupons])
        .catch(throwAsReadError);
      const { coupons = 0, last_id = null, ...found } = row ?? {};
      const next = coupons < sizes.coupons || last_id === null ? undefined : last_id;
      return { amount: 0, remaining: 0, difference: 0, ...found, coupons, next };
    },
    checkClaims: (after) => checkRows(checkClaims, after),
    checkLedger: (from) => checkRows(checkLedger, from),
  };
}
