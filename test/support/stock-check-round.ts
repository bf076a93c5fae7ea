// SPDX-License-Identifier: GPL-3.0-or-later
import type {
  CheckedPage,
  LedgerCursor,
  StockCheckReader,
} from '../../src/core/stock/stock-check.ts';

/** What the pages of a round have found together. */
export type CheckRound = { difference: number; amount: number; remaining: number; named: string[] };

/** Reads one complete round of the stock check. */
export async function checkAll(reader: StockCheckReader): Promise<CheckRound> {
  const sum: CheckRound = { difference: 0, amount: 0, remaining: 0, named: [] };
  const add = ({ difference, differing }: CheckedPage<unknown>) => {
    sum.difference += difference;
    sum.named.push(...differing.map(({ coupon }) => coupon));
    // A page that names all its differing coupons names all that it counts.
    const named = differing.reduce((units, coupon) => units + coupon.units, 0);
    if (differing.length < 10 && named !== difference) {
      throw new Error(`a page counts ${difference} units and names ${named}`);
    }
  };
  for (let after: string | undefined = '0'; after !== undefined; ) {
    const page = await reader.checkCoupons(after);
    add(page);
    sum.amount += page.amount;
    sum.remaining += page.remaining;
    after = page.next;
  }
  for (const check of [reader.checkClaims, reader.checkLedger]) {
    let at: LedgerCursor | undefined = { couponId: '0', seq: 0, batchId: null, carried: null };
    while (at !== undefined) {
      const page: CheckedPage<LedgerCursor> = await check(at);
      add(page);
      at = page.next;
    }
  }
  return sum;
}
