// SPDX-License-Identifier: GPL-3.0-or-later
/** The stock of each second. The service reads it only in seconds in which it may have changed. */
import type { SaleSecond } from './sale-second.ts';

type StockSecond = Pick<SaleSecond, 'isComplete' | 'outcomes' | 'remaining'>;

/** Whether the stock at the end of a second is the one from before. */
export function keepsStock({ isComplete, outcomes, remaining }: StockSecond): boolean {
  // Counts that came late have no stock.
  return remaining === null && isComplete && outcomes !== null && !outcomes.claimed;
}

/** The stock at the end of a second, from the stock before it. Null: it is unknown. */
export function stockAfter(second: StockSecond, before: number | null): number | null {
  return keepsStock(second) ? before : second.remaining;
}
