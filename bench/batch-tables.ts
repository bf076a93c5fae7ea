// SPDX-License-Identifier: GPL-3.0-or-later
/** The tables for batches of each kind: first nearly empty, then with as many claims as asked for. */
import type { Query } from './batch-calls.ts';

/** The coupons that a batch on several coupons claims. */
export function smallCoupons(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `small ${index}`);
}

/**
 * Creates the coupons: `plain` without holds and `held` with holds, both with units to spare; `full` with holds, sold out;
 * small ones with units to spare. The statistics of the tables are never taken. Gives a lease of the expiry sweep.
 */
export async function createCoupons(query: Query, smallOnes: number): Promise<void> {
  for (const table of [
    'coupons',
    'claims',
    'released_claims',
    'redemptions',
    'stock_ledger',
    'tickets',
  ]) {
    await query(`alter table ${table} set (autovacuum_enabled = false)`);
  }
  await query(
    `insert into coupons
       (name, amount, remaining_amount, hold_seconds, ledger_seq, decided_at, created_at)
     select name, amount, remaining_amount, hold_seconds, 1, now(), now()
     from (
       values ('plain', 1000000, 1000000, null), ('held', 1000000, 1000000, 3600), ('full', 1, 0, 3600)
     ) coupon (name, amount, remaining_amount, hold_seconds)
     union all
     select name, 1000, 1000, null, 1, now(), now() from unnest($1::text[]) name`,
    [smallCoupons(smallOnes)],
  );
  await query(
    `update duties set node = 'bench', held_since = now(), expires_at = 'infinity' where name = 'expiry_sweep'`,
    [],
  );
}

/** The user with this number in a round of claims. */
export function userOfRound(round: number, number: number): string {
  return `user ${round} ${number}`;
}

/**
 * Stores claims of the users 1 to `claims` of a round for each of the three coupons, in this order, reserved where the coupon
 * has holds. For `held`, as many released claims and as many redemptions of other users are stored; as many tickets. A tenth as many coupons
 * are created.
 */
export async function addClaims(query: Query, round: number, claims: number): Promise<void> {
  await query(
    `insert into coupons (name, amount, remaining_amount, ledger_seq, decided_at, created_at)
     select 'other ' || $1 || ' ' || n, 1, 1, 1, now(), now() from generate_series(1, $2::integer / 10) n`,
    [String(round), claims],
  );
  for (const name of ['plain', 'held', 'full']) {
    await addClaimsOf(query, name, round, claims);
  }
  const user = `'ended ' || $1 || ' ' || n`;
  await query(
    `with released as (
       update coupons set amount = amount + $2::integer, remaining_amount = remaining_amount + $2::integer,
         returned_units = returned_units + $2::integer
       where name = 'held' returning *
     )
     insert into released_claims
       (coupon_id, position, user_id, claim_id, claimed_at, released_at, is_final)
     select id, amount - remaining_amount + returned_units - n + 1, ${user}, gen_random_uuid(), now(), now(), false
     from released, generate_series(1, $2::integer) n`,
    [String(round), claims],
  );
  await query(
    `insert into redemptions (coupon_id, user_id, claim_id, redeemed_at)
     select id, ${user}, gen_random_uuid(), now() from coupons, generate_series(1, $2::integer) n
     where name = 'held'`,
    [String(round), claims],
  );
  await query(
    `insert into tickets (claim_id, accepted_at, decided_at, outcome)
     select gen_random_uuid(), now(), now(), 'sold_out' from generate_series(1, $1::integer) n`,
    [claims],
  );
}

async function addClaimsOf(
  ...[query, name, round, claims]: [Query, string, number, number]
): Promise<void> {
  await query(
    `with coupon as (
       update coupons set amount = amount + $3::integer, ledger_seq = ledger_seq + $3::integer
       where name = $1 returning *
     ), claimed as (
       insert into claims (coupon_id, user_id, position, claim_id, claimed_at, expires_at)
       select id, 'user ' || $2 || ' ' || n, amount - remaining_amount + returned_units - $3::integer + n,
         gen_random_uuid(), now(), now() + make_interval(secs => hold_seconds)
       from coupon, generate_series(1, $3::integer) n
       returning *
     )
     insert into stock_ledger
       (coupon_id, seq, batch_id, kind, units, first_position, remaining_after, recorded_at)
     select id, ledger_seq - $3::integer + row_number() over (), gen_random_uuid(), 'claimed', 1, position,
       remaining_amount, now()
     from claimed, coupon`,
    [name, String(round), claims],
  );
}

/** Confirms the holds of these users of `held`. */
export async function confirmHolds(query: Query, users: readonly string[]): Promise<void> {
  await query(
    `update claims set expires_at = null, confirmed_at = now()
     where coupon_id = (select id from coupons where name = 'held') and user_id = any ($1)`,
    [users],
  );
}

/** Takes what is left of `full` off sale, and lets its oldest holds expire. */
export async function expireHolds(query: Query, holds: number): Promise<void> {
  await query(
    `update coupons set amount = amount - remaining_amount, remaining_amount = 0
     where name = 'full'`,
  );
  await query(
    `update claims c set expires_at = now() - interval '1 hour'
     where c.ctid = any (array(
       select k.ctid from claims k
       where k.coupon_id = (select id from coupons where name = 'full') and k.expires_at is not null
       order by k.position limit $1
     ))`,
    [holds],
  );
}

/** Lets the holds of these users of `held` expire, and the oldest one, before which no other one can expire. */
export async function expireHoldsOf(query: Query, users: readonly string[]): Promise<void> {
  await query(
    `update claims set expires_at = now() - interval '1 hour'
     where coupon_id = (select id from coupons where name = 'held') and (
       user_id = any ($1) or position = (
         select position from claims
         where coupon_id = (select id from coupons where name = 'held') and expires_at is not null
         order by position limit 1
       )
     )`,
    [users],
  );
}
