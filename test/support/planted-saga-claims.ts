// SPDX-License-Identifier: GPL-3.0-or-later
import type { Query } from './audit.ts';

/**
 * Stores a coupon by SQL whose claims have sagas in every state: 10 units, positions 1 to 8. The sagas of ada (1, not begun)
 * and bob (2) run, that of eve (3) is undone, and that of joe (4) needs attention. That of zoe (5) is done, kim's (6) too,
 * and kim's claim is redeemed. max (7) is to be released after the end of his saga, and lea (8) is compensated. Consistent.
 */
export async function plantSagaClaims(query: Query, name: string): Promise<void> {
  await query(
    `insert into coupons
       (name, amount, remaining_amount, returned_units, hold_seconds, saga, ledger_seq, decided_at, created_at)
     values ($1, 10, 3, 1, 60, 'checkout', 5, now(), now() - interval '1 hour')`,
    [name],
  );
  await query(
    `insert into stock_ledger (coupon_id, seq, batch_id, kind, units, first_position, remaining_after, recorded_at,
       returned_units, changed_positions, changes)
     select c.id, row.seq, gen_random_uuid(), row.kind, row.units, row.first_position, row.remaining_after,
       c.created_at + row.seconds * interval '1 second', row.returned_units, row.changed_positions, row.changes
     from coupons c cross join (values
       (1, 'grant', 10, null, 10, 0, null, null::integer[], null::"char"[]),
       (2, 'claimed', 8, 1, 2, 1, null, null, null),
       (3, 'mixed', 0, null, 2, 2, 0, '{5,6,7}', '{C,C,C}'),
       (4, 'mixed', 0, null, 3, 3, 1, '{6,8}', '{U,R}'),
       (5, 'mixed', 0, null, 3, 4, 0, '{}', '{}')
     ) row (seq, kind, units, first_position, remaining_after, seconds, returned_units, changed_positions, changes)
     where c.name = $1`,
    [name],
  );
  await query(
    `insert into claims (coupon_id, user_id, position, claim_id, claimed_at, expires_at, confirmed_at)
     select c.id, row.user_id, row.position, gen_random_uuid(), c.created_at + interval '1 second',
       case when row.confirmed is null then 'infinity'::timestamptz end, c.created_at + row.confirmed * interval '1 second'
     from coupons c cross join (values
       ('ada', 1, null), ('bob', 2, null), ('eve', 3, null), ('joe', 4, null), ('zoe', 5, 2), ('kim', 6, 2), ('max', 7, 2)
     ) row (user_id, position, confirmed)
     where c.name = $1`,
    [name],
  );
  await query(
    `insert into released_claims (coupon_id, user_id, position, claim_id, claimed_at, released_at, reason, is_final)
     select c.id, 'lea', 8, gen_random_uuid(), c.created_at + interval '1 second', c.created_at + interval '3 seconds',
       'saga', false
     from coupons c where c.name = $1`,
    [name],
  );
  await query(
    `insert into redemptions (coupon_id, user_id, claim_id, redeemed_at)
     select c.id, k.user_id, k.claim_id, c.created_at + interval '3 seconds'
     from coupons c join claims k on k.coupon_id = c.id and k.user_id = 'kim' where c.name = $1`,
    [name],
  );
  await query(
    `insert into sagas (saga_id, coupon_id, position, claim_id, user_id, name, version, state, is_undoing, step, due_at, shard,
       started_at, deadline_at, ended_at)
     select saga_id_of(k.claim_id), c.id, k.position, k.claim_id, k.user_id, c.saga, 'v1', row.state::"char", row.is_undoing,
       row.step, k.claimed_at, saga_shard_of(k.claim_id), k.claimed_at, k.claimed_at + interval '60 seconds',
       c.created_at + row.ended * interval '1 second'
     from coupons c
     cross join (values
       (2, 'R', false, 1, null), (3, 'C', true, 1, null), (4, 'A', false, 2, null), (5, 'D', false, 3, 2),
       (6, 'D', false, 3, 2), (7, 'C', true, 2, null), (8, 'X', true, 0, 3)
     ) row (position, state, is_undoing, step, ended)
     join (
       select coupon_id, position, user_id, claim_id, claimed_at from claims
       union all
       select coupon_id, position, user_id, claim_id, claimed_at from released_claims
     ) k on k.coupon_id = c.id and k.position = row.position
     where c.name = $1`,
    [name],
  );
}
