// SPDX-License-Identifier: GPL-3.0-or-later
import type { Query } from './audit.ts';

/** Positions that one ledger row names: `units` of them from `first` on. */
export type PlantedRun = { first: number; units: number };

/**
 * Stores a coupon and its claims by SQL, as many releases have left them: consistent, with gaps between the positions of the
 * live claims, which may exceed the amount. The user at a position is `user-<position>`. One batch has made and released
 * the claims of each gap. Returns the positions of the live claims.
 */
export async function plantCoupon(
  query: Query,
  coupon: { name: string; amount: number; runs: readonly PlantedRun[] },
): Promise<number[]> {
  const { name, amount, runs } = coupon;
  const [{ id } = { id: '' }] = await query<{ id: string }>(
    `insert into coupons (name, amount, remaining_amount, ledger_seq, decided_at, created_at)
     values ($1, $2, $2, 1, now(), now()) returning id`,
    [name, amount],
  );
  await query(
    `insert into stock_ledger (coupon_id, seq, batch_id, kind, units, remaining_after, recorded_at)
     values ($1, 1, gen_random_uuid(), 'grant', $2, $2, now())`,
    [id, amount],
  );
  const positions: number[] = [];
  let next = 1;
  let seq = 1;
  for (const { first, units } of runs) {
    if (first > next) {
      seq += 1;
      await plantGap(query, { id, seq, from: next, to: first - 1 });
    }
    seq += 1;
    await plantRun(query, { id, seq, from: first, to: first + units - 1 });
    for (let nth = 0; nth < units; nth += 1) positions.push(first + nth);
    next = first + units;
  }
  await query(
    `update coupons set remaining_amount = $2, ledger_seq = $3, returned_units = $4, decided_at = clock_timestamp()
     where id = $1`,
    [id, amount - positions.length, seq, next - 1 - positions.length],
  );
  return positions;
}

type Planted = { id: string; seq: number; from: number; to: number };

/** A batch of claims. */
async function plantRun(query: Query, { id, seq, from, to }: Planted): Promise<void> {
  await query(
    `with at as (select clock_timestamp() as at),
     stored as (
       insert into claims (coupon_id, user_id, position, claim_id, claimed_at)
       select $1::bigint, 'user-' || n, n, gen_random_uuid(), at.at from at, generate_series($3::integer, $4::integer) n
     )
     insert into stock_ledger
       (coupon_id, seq, batch_id, kind, units, first_position, remaining_after, recorded_at)
     select $1::bigint, $2::bigint, gen_random_uuid(), 'claimed', $4::integer - $3::integer + 1, $3::integer,
       before.remaining_after - ($4::integer - $3::integer + 1), at.at
     from at, stock_ledger before where before.coupon_id = $1::bigint and before.seq = $2::bigint - 1`,
    [id, seq, from, to],
  );
}

/** A batch of claims and their releases. */
async function plantGap(query: Query, { id, seq, from, to }: Planted): Promise<void> {
  await query(
    `with at as (select clock_timestamp() as at),
     stored as (
       insert into released_claims
         (coupon_id, user_id, position, claim_id, claimed_at, released_at, is_final)
       select $1::bigint, 'user-' || n, n, gen_random_uuid(), at.at, at.at, false
       from at, generate_series($3::integer, $4::integer) n
     )
     insert into stock_ledger
       (coupon_id, seq, batch_id, kind, units, first_position, remaining_after, recorded_at, returned_units,
        changed_positions, changes)
     select $1::bigint, $2::bigint, gen_random_uuid(), 'mixed', $4::integer - $3::integer + 1, $3::integer,
       before.remaining_after, at.at, $4::integer - $3::integer + 1,
       array(select generate_series($3::integer, $4::integer)),
       array_fill('R'::"char", array[$4::integer - $3::integer + 1])
     from at, stock_ledger before where before.coupon_id = $1::bigint and before.seq = $2::bigint - 1`,
    [id, seq, from, to],
  );
}
