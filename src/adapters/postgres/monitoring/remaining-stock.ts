// SPDX-License-Identifier: GPL-3.0-or-later
import type { Database } from '../database.ts';
import { statement } from '../statements.ts';

const listRemainingStock = statement('list-remaining-stock');

/** How many of the newest coupons are read, and how many of them are returned at most. */
const limits = { read: 200, returned: 20 };

/** Reads the remaining units of the newest coupons that are not closed. Never rejects: without an answer it has none. */
export function postgresRemainingStock(
  database: Database,
): () => Promise<{ coupon: string; units: number }[]> {
  return async () => {
    const values = [limits.read, limits.returned];
    const rows = await database
      .run<{ name: string; remaining_amount: number }>(listRemainingStock, values)
      .catch(() => []);
    return rows.map((row) => ({ coupon: row.name, units: row.remaining_amount }));
  };
}
