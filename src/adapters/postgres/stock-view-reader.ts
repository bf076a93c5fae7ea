// SPDX-License-Identifier: GPL-3.0-or-later
import { AppError } from '../../core/errors.ts';
import type { StockViewReader } from '../../core/stock/stock-view.ts';
import { type CouponRow, toCoupon } from './coupon-rows.ts';
import type { Database } from './database.ts';
import { throwAsReadError } from './errors/app-error.ts';
import { statement } from './statements.ts';

const readCoupons = statement('read-coupons');
const noHolders = 0;

/** Reads stock views from PostgreSQL. */
export function postgresStockViewReader(database: Database): StockViewReader {
  return {
    whyRefused() {
      const cause = database.whyUnusable();
      return cause && new AppError('unavailable', { detail: cause.message, cause });
    },
    async readStockViews(names) {
      const rows = await database
        .run<CouponRow & { at_ms: number }>(readCoupons, [names, noHolders])
        .catch(throwAsReadError);
      return new Map(rows.map((row) => [row.name, { coupon: toCoupon(row), atMs: row.at_ms }]));
    },
  };
}
