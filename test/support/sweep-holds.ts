// SPDX-License-Identifier: GPL-3.0-or-later
import type { TestDatabase } from './test-database.ts';

/** Releases all holds of a coupon that have expired, under a lease of the expiry sweep that does not end. */
export async function sweepHolds(database: TestDatabase, couponName: string): Promise<void> {
  const [lease] = await database.query<{ epoch: string }>(
    `update duties
     set node = coalesce(node, 'test'), held_since = coalesce(held_since, now()), expires_at = 'infinity'
     where name = 'expiry_sweep' returning epoch`,
  );
  await database.query(
    `select sweep_due_coupons($1, array[id], 100000) from coupons where name = $2`,
    [lease?.epoch, couponName],
  );
}
