-- Creates a coupon, the first row of its ledger, and a row of the operator log. Returns no row if the name is taken, also
-- by a creation in progress. Outcome 'not_finished': nothing is created, because the coupon has holds and the database
-- still has the decision function of older releases, which does not respect them.
-- Locks: the new row. Index: coupons_name_unique.
with gate as (
  select $6::integer is null
    or to_regprocedure('claim_batch(uuid, text, text[], uuid[], text[], boolean)') is null as is_open
), created as (
  insert into coupons
    (name, amount, remaining_amount, opens_at, closes_at, ledger_seq, decided_at, created_at, hold_seconds,
     claims_per_user_max, stock_low_at, title, description, pause_reason)
  select $1::text, $2::integer, $2::integer, $3::timestamptz, $4::timestamptz, 1, clock_timestamp(), clock_timestamp(),
    $6::integer, $7::integer, $8::integer, $9::text, $10::text, $11::text
  from gate where is_open
  on conflict on constraint coupons_name_unique do nothing
  returning *
), granted as (
  insert into stock_ledger (coupon_id, seq, batch_id, kind, units, first_position, remaining_after, recorded_at)
  select id, 1, $5::uuid, 'grant', amount, null, remaining_amount, created_at from created
), logged as (
  insert into operator_log (at, actor, action, coupon_name, after, request_id)
  select created_at, $12::text, 'create_coupon', name, coupon_in_log_2(created), $13::text from created
)
select case when is_open then 'created' else 'not_finished' end as outcome,
  id, name, amount, remaining_amount, opens_at, closes_at, paused, archived,
  coupon_state(opens_at, closes_at, paused, decided_at) as state,
  hold_seconds, claims_per_user_max, stock_low_at, title, description, pause_reason
from gate left join created on true
where id is not null or not is_open
