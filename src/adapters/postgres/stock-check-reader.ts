// SPDX-License-Identifier: GPL-3.0-or-later
import type {
  CheckedPage,
  CouponDifference,
  LedgerCursor,
  StockCheckReader,
} from '../../core/stock/stock-check.ts';
import type { Database } from './database.ts';
import { throwAsReadError } from './errors/app-error.ts';
import { type Statement, statement } from './statements.ts';

const checkCoupons = statement('check-coupons');
const checkClaims = statement('check-claims');
const checkLedger = statement('check-ledger');

/** The largest number of rows per page: a few milliseconds of the database's time. */
export type PageSizes = { coupons: number; rows: number };

const pageSizes: PageSizes = { coupons: 100, rows: 2000 };
/** How many of the differing coupons a page names at most. */
const namedMax = 10;

/** What every page returns; `differing` is JSON. */
type PageRow = { difference: number; differing: string | null };

type CouponsRow = PageRow & {
  coupons: number;
  last_id: string | null;
  amount: number;
  remaining: number;
};

type LedgerRow = PageRow & {
  is_end: boolean;
  last_coupon_id: string;
  last_seq: string;
  last_batch_id: string;
  carried: string | null;
};

/** Reads from PostgreSQL what the stock check compares. */
export function postgresStockCheckReader(
  database: Database,
  sizes: PageSizes = pageSizes,
): StockCheckReader {
  const checkRows = async (
    page: Statement,
    { couponId, seq, batchId, carried }: LedgerCursor,
  ): Promise<CheckedPage<LedgerCursor>> => {
    const values = [couponId, seq, batchId, carried, sizes.rows, namedMax];
    const [row] = await database.run<LedgerRow>(page, values).catch(throwAsReadError);
    return { next: row === undefined || row.is_end ? undefined : cursorAt(row), ...foundIn(row) };
  };
  return {
    async checkCoupons(afterId) {
      const [row] = await database
        .run<CouponsRow>(checkCoupons, [afterId, sizes.coupons, namedMax])
        .catch(throwAsReadError);
      const { coupons = 0, amount = 0, remaining = 0, last_id: lastId } = row ?? {};
      const next = coupons < sizes.coupons ? undefined : (lastId ?? undefined);
      return { next, coupons, amount, remaining, ...foundIn(row) };
    },
    checkClaims: (from) => checkRows(checkClaims, from),
    checkLedger: (from) => checkRows(checkLedger, from),
  };
}

function cursorAt(row: LedgerRow): LedgerCursor {
  return {
    couponId: row.last_coupon_id,
    seq: Number(row.last_seq),
    batchId: row.last_batch_id,
    carried: row.carried,
  };
}

function foundIn(row: PageRow | undefined): Pick<CheckedPage<never>, 'difference' | 'differing'> {
  const differing = JSON.parse(row?.differing ?? '[]') as CouponDifference[];
  return { difference: row?.difference ?? 0, differing };
}
