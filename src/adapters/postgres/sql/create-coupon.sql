-- Creates a coupon, the first row of its ledger, and a row of the operator log. Returns no row if the name is taken, also
-- by a creation in progress. Outcome 'not_finished': nothing is created, because the coupon has holds and the database
-- still has the decision function of older releases, which does not respect them. A coupon with a saga begins the relay
-- before itself. Where its name is taken the relay does not begin, but for the name of a creation in progress: the relay
-- begins before the new row waits for that one, so that its times come after each slice that has not seen it.
-- Locks: the new row; with a saga the row of the relay's duty. Indexes: coupons_name_unique, duties_primary_key.
with gate as (
  select $6::integer is null
    or to_regprocedure('claim_batch(uuid, text, text[], uuid[], text[], boolean)') is null as is_open,
    $8::text is null or not exists (select from coupons where name = $1::text) as may_be_free
), relay as materialized (
  select begin_event_relay() from gate where is_open and may_be_free and $8::text is not null
), created as (
  insert into coupons
    (name, amount, remaining_amount, opens_at, closes_at, ledger_seq, decided_at, created_at, hold_seconds,
     claims_per_user_max, saga, stock_low_at, title, description, pause_reason)
  select $1::text, $2::integer, $2::integer, $3::timestamptz, $4::timestamptz, 1, clock_timestamp(), clock_timestamp(),
    $6::integer, $7::integer, $8::text, $9::integer, $10::text, $11::text, $12::text
  -- The join has the relay begin before the times are taken.
  from gate left join relay on true where is_open and may_be_free
  on conflict on constraint coupons_name_unique do nothing
  returning *
), granted as (
  insert into stock_ledger (coupon_id, seq, batch_id, kind, units, first_position, remaining_after, recorded_at)
  select id, 1, $5::uuid, 'grant', amount, null, remaining_amount, created_at from created
), logged as (
  insert into operator_log (at, actor, action, coupon_name, after, request_id)
  select created_at, $13::text, 'create_coupon', name, coupon_in_log_2(created), $14::text from created
)
select case when is_open then 'created' else 'not_finished' end as outcome,
  id, name, amount, remaining_amount, opens_at, closes_at, paused, archived,
  coupon_state(opens_at, closes_at, paused, decided_at) as state,
  hold_seconds, claims_per_user_max, saga, stock_low_at, title, description, pause_reason
from gate left join created on true
where (id is not null or not is_open) and require_durability()
