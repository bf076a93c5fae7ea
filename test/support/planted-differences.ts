// SPDX-License-Identifier: GPL-3.0-or-later
import type { TestDatabase } from './test-database.ts';

/** The tables that are filled, and the number of their rows. */
export const sizeOf: Record<string, number> = {
  ...{ coupons: 10_000, claims: 100_000, released_claims: 100_000 },
  ...{ redemptions: 100_000, stock_ledger: 100_000 },
};

/** Coupon 1 gets nine rows in ten. Every row disagrees, so each page also has to name its coupons. */
export async function fillWithDifferences(database: TestDatabase): Promise<void> {
  for (const table of Object.keys(sizeOf)) {
    await database.query(`alter table ${table} set (autovacuum_enabled = false)`);
  }
  const couponId = 'case when n <= 90000 then 1 else n - 89999 end';
  const place = 'case when n <= 90000 then n * 2 else 2 end';
  await database.query(`
    insert into coupons (name, amount, remaining_amount, ledger_seq, decided_at, created_at)
    select 'coupon-' || n, 200000, 50000, 1, now(), now() from generate_series(1, 10000) n`);
  await database.query(`
    insert into claims (coupon_id, position, user_id, claim_id, claimed_at)
    select ${couponId}, ${place}, 'user-' || n, gen_random_uuid(), now()
    from generate_series(1, 100000) n`);
  await database.query(`
    insert into released_claims
      (coupon_id, position, user_id, claim_id, claimed_at, released_at, is_final)
    select ${couponId}, ${place}, 'user-' || n, gen_random_uuid(), now(), now(), false
    from generate_series(1, 100000) n`);
  await database.query(`
    insert into redemptions (coupon_id, user_id, claim_id, redeemed_at)
    select ${couponId}, 'user-' || n, gen_random_uuid(), now() from generate_series(1, 100000) n`);
  await database.query(`
    insert into stock_ledger
      (coupon_id, seq, first_position, batch_id, kind, units, remaining_after, recorded_at,
       returned_units, changed_positions, changes)
    select ${couponId}, ${place}, n * 2 + 1, gen_random_uuid(), 'mixed', 1, 1, now(),
      1, array[${place}, ${place}, ${place}], '{R,U,C}'
    from generate_series(1, 100000) n`);
}
