// SPDX-License-Identifier: GPL-3.0-or-later
import type {
  CheckedPage,
  CouponDifference,
  RowCursor,
  StockCheckReader,
} from '../../core/stock/stock-check.ts';
import type { Database } from './database.ts';
import { throwAsReadError } from './errors/app-error.ts';
import { type Statement, statement } from './statements.ts';

const checkCoupons = statement('check-coupons');
const checkClaims = statement('check-claims');
const checkLedger = statement('check-ledger');

/** How many rows a page has at most: a few milliseconds of the database's time. */
export type PageSizes = { coupons: number; rows: number };

const pageSizes: PageSizes = { coupons: 100, rows: 2000 };
/** How many coupons a page names at most, of those that differ. */
const namedMax = 10;

/** What every page tells; `differing` is JSON. */
type Found = { difference: number; differing: string | null };

/** Reads from PostgreSQL what the check of the stock compares. */
export function postgresStockCheckReader(
  database: Database,
  sizes: PageSizes = pageSizes,
): StockCheckReader {
  const checkRows = async (page: Statement, from: RowCursor): Promise<CheckedPage<RowCursor>> => {
    const [row] = await database
      .run<Found & { read: number; last_coupon_id: string; last_number: string }>(page, [
        ...[from.couponId, from.number, sizes.rows, namedMax],
      ])
      .catch(throwAsReadError);
    if (row === undefined) return { next: undefined, difference: 0, differing: [] };
    const next = { couponId: row.last_coupon_id, number: Number(row.last_number) };
    return { next: row.read < sizes.rows ? undefined : next, ...foundIn(row) };
  };
  return {
    async checkCoupons(afterId) {
      const [row] = await database
        .run<
          Found & { coupons: number; last_id: string | null; amount: number; remaining: number }
        >(checkCoupons, [afterId, sizes.coupons, namedMax])
        .catch(throwAsReadError);
      const { coupons = 0, amount = 0, remaining = 0, last_id: lastId } = row ?? {};
      const next = coupons < sizes.coupons ? undefined : (lastId ?? undefined);
      return { next, coupons, amount, remaining, ...foundIn(row) };
    },
    checkClaims: (after) => checkRows(checkClaims, after),
    checkLedger: (from) => checkRows(checkLedger, from),
  };
}

function foundIn(row: Found | undefined): Pick<CheckedPage<never>, 'difference' | 'differing'> {
  const differing = JSON.parse(row?.differing ?? '[]') as CouponDifference[];
  return { difference: row?.difference ?? 0, differing };
}
