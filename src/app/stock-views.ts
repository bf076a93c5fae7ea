// SPDX-License-Identifier: GPL-3.0-or-later
/** Composes the stock views of one process. */

import type { Database } from '../adapters/postgres/database.ts';
import { postgresStockViewReader } from '../adapters/postgres/stock-view-reader.ts';
import { systemClock } from '../adapters/system/clock.ts';
import { newId } from '../adapters/system/ids.ts';
import type { CouponStore } from '../core/coupons/ports.ts';
import type { SharedStockViews, StockViewMetrics, StockViews } from '../core/stock/stock-view.ts';
import { StockViewCache } from '../core/stock/stock-view-cache.ts';

/** Creates the stock views of this process. `shared`: those of all nodes. */
export function createStockViews(options: {
  database: Database;
  shared: SharedStockViews | undefined;
  metrics: StockViewMetrics;
  waitingMax: number;
}): StockViewCache {
  const { database, ...parts } = options;
  return new StockViewCache({
    ...{ ...parts, reader: postgresStockViewReader(database), clock: systemClock },
    random: Math.random,
    // A process has one for each start, and the random part of it is enough.
    processId: newId().slice(-12),
  });
}

/** Has the views follow the changes of coupons that this process makes, also those whose answer was lost. */
export function withStockViews(
  store: CouponStore,
  views: Pick<StockViews, 'changed'>,
): CouponStore {
  return {
    ...store,
    changeCoupon: (name, change, by) =>
      store.changeCoupon(name, change, by).finally(() => views.changed(name)),
    addStock: (addition, by) =>
      store.addStock(addition, by).finally(() => views.changed(addition.name)),
  };
}
