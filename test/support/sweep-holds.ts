// SPDX-License-Identifier: GPL-3.0-or-later
import { newId } from '../../src/adapters/system/ids.ts';
import type { TestDatabase } from './test-database.ts';

/** Gives a lease of the expiry sweep that does not end to statements without a process. */
async function leaseSweep(database: Pick<TestDatabase, 'query'>): Promise<void> {
  await database.query(
    `update duties
     set node = coalesce(node, 'test'), held_since = coalesce(held_since, now()), expires_at = 'infinity'
     where name = 'expiry_sweep'`,
  );
}

/** Releases the holds that have expired among the next claims of a coupon, by default among all. */
export async function sweepHolds(
  database: TestDatabase,
  couponName: string,
  slice = 100_000,
): Promise<{ released: number; has_more: boolean }[]> {
  await leaseSweep(database);
  return database.query(
    `select released, has_more from duties, sweep_due_coupons(
       epoch, array(select id from coupons where name = $1), array[$2::uuid], $3
     ) where name = 'expiry_sweep'`,
    [couponName, newId(), slice],
  );
}
