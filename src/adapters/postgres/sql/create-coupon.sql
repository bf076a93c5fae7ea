-- Creates a coupon, the first row of its ledger, and a row of the operator log. Returns no row if the name is taken, also
-- by a creation in progress.
-- Locks: the new row. Index: coupons_name_unique.
with created as (
  insert into coupons (name, amount, remaining_amount, opens_at, closes_at, ledger_seq, decided_at, created_at)
  values ($1::text, $2::integer, $2::integer, $3::timestamptz, $4::timestamptz, 1, clock_timestamp(), clock_timestamp())
  on conflict on constraint coupons_name_unique do nothing
  returning *
), granted as (
  insert into stock_ledger (coupon_id, seq, batch_id, kind, units, first_position, remaining_after, recorded_at)
  select id, 1, $5::uuid, 'grant', amount, null, remaining_amount, created_at from created
), logged as (
  insert into operator_log (at, actor, action, coupon_name, after, request_id)
  select created_at, $6::text, 'create_coupon', name, coupon_in_log(created), $7::text from created
)
select id, name, amount, remaining_amount, opens_at, closes_at, paused, archived,
  coupon_state(opens_at, closes_at, paused, decided_at) as state
from created
