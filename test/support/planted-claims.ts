// SPDX-License-Identifier: GPL-3.0-or-later
import type { Query } from './audit.ts';

/** Positions that one ledger row names: `units` of them from `first` on. */
export type PlantedRun = { first: number; units: number };

/**
 * Stores a coupon and its claims by SQL, as releases will leave them: consistent, but with gaps between the positions, which
 * may exceed the amount. The user at a position is `user-<position>`. Returns the positions.
 */
export async function plantCoupon(
  query: Query,
  coupon: { name: string; amount: number; runs: readonly PlantedRun[] },
): Promise<number[]> {
  const { name, amount, runs } = coupon;
  const [row] = await query<{ id: string }>(
    `insert into coupons (name, amount, remaining_amount, ledger_seq, decided_at, created_at)
     values ($1, $2, $2, 1, now(), now()) returning id`,
    [name, amount],
  );
  await query(
    `insert into stock_ledger (coupon_id, seq, batch_id, kind, units, remaining_after, recorded_at)
     values ($1, 1, gen_random_uuid(), 'grant', $2, $2, now())`,
    [row?.id, amount],
  );
  const positions: number[] = [];
  let left = amount;
  for (const [index, { first, units }] of runs.entries()) {
    left -= units;
    const [{ at } = { at: '' }] = await query<{ at: string }>(
      'select clock_timestamp()::text as at',
    );
    await query(
      `insert into stock_ledger
         (coupon_id, seq, batch_id, kind, units, first_position, remaining_after, recorded_at)
       values ($1, $2, gen_random_uuid(), 'claimed', $3, $4, $5, $6)`,
      [row?.id, index + 2, units, first, left, at],
    );
    await query(
      `insert into claims (coupon_id, user_id, position, claim_id, claimed_at)
       select $1, 'user-' || n, n, gen_random_uuid(), $4 from generate_series($2::integer, $3::integer) n`,
      [row?.id, first, first + units - 1, at],
    );
    for (let nth = 0; nth < units; nth += 1) positions.push(first + nth);
  }
  await query(
    `update coupons
     set remaining_amount = $2, ledger_seq = $3, returned_units = $4 - (amount - $2) where id = $1`,
    [row?.id, left, runs.length + 1, positions.at(-1) ?? amount - left],
  );
  return positions;
}
