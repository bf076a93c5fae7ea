// SPDX-License-Identifier: GPL-3.0-or-later
import type { Query } from './audit.ts';

/**
 * Stores a coupon by SQL whose claims have every state and every kind of end: 10 units, held for 60 s, positions 1 to 7.
 * ada (1) is redeemed. bob (2) was confirmed, then released. eve has released a hold (3) and holds 7. joe's hold (4) has
 * expired, and he holds 6. zoe's hold (5) has expired too, and its unit is not needed yet. Consistent.
 */
export async function plantHolds(query: Query, name: string): Promise<void> {
  await query(
    `insert into coupons
       (name, amount, remaining_amount, returned_units, expiry_position, hold_seconds, ledger_seq, decided_at, created_at)
     values ($1, 10, 6, 3, 4, 60, 6, now(), now() - interval '1 hour')`,
    [name],
  );
  await query(
    `insert into stock_ledger (coupon_id, seq, batch_id, kind, units, first_position, remaining_after, recorded_at,
       returned_units, changed_positions, changes)
     select c.id, row.seq, gen_random_uuid(), row.kind, row.units, row.first_position, row.remaining_after,
       c.created_at + row.seconds * interval '1 second', row.returned_units, row.changed_positions, row.changes
     from coupons c cross join (values
       (1, 'grant', 10, null, 10, 0, null, null::integer[], null::"char"[]),
       (2, 'claimed', 4, 1, 6, 1, null, null, null),
       (3, 'mixed', 1, 5, 6, 2, 1, '{1,2,3}', '{C,C,R}'),
       (4, 'mixed', 0, null, 6, 3, 0, '{1}', '{U}'),
       (5, 'mixed', 2, 6, 5, 120, 1, '{4}', '{E}'),
       (6, 'mixed', 0, null, 6, 121, 1, '{2}', '{R}')
     ) row (seq, kind, units, first_position, remaining_after, seconds, returned_units, changed_positions, changes)
     where c.name = $1`,
    [name],
  );
  await query(
    `insert into claims (coupon_id, user_id, position, claim_id, claimed_at, expires_at, confirmed_at)
     select c.id, row.user_id, row.position, gen_random_uuid(), c.created_at + row.made * interval '1 second',
       c.created_at + (row.made + 60 + row.held) * interval '1 second', c.created_at + row.confirmed * interval '1 second'
     from coupons c cross join (values
       ('ada', 1, 1, null::integer, 2), ('zoe', 5, 2, 0, null), ('joe', 6, 120, 0, null), ('eve', 7, 120, 0, null)
     ) row (user_id, position, made, held, confirmed)
     where c.name = $1`,
    [name],
  );
  await query(
    `insert into released_claims
       (coupon_id, user_id, position, claim_id, claimed_at, confirmed_at, released_at, reason, is_final)
     select c.id, row.user_id, row.position, gen_random_uuid(), c.created_at + interval '1 second',
       c.created_at + row.confirmed * interval '1 second', c.created_at + row.released * interval '1 second', row.reason, false
     from coupons c cross join (values
       ('bob', 2, 2, 121, 'refunded'), ('eve', 3, null, 2, null), ('joe', 4, null, 120, 'expired')
     ) row (user_id, position, confirmed, released, reason)
     where c.name = $1`,
    [name],
  );
  await query(
    `insert into redemptions (coupon_id, user_id, claim_id, redeemed_at)
     select c.id, k.user_id, k.claim_id, c.created_at + interval '3 seconds'
     from coupons c join claims k on k.coupon_id = c.id and k.user_id = 'ada' where c.name = $1`,
    [name],
  );
}
