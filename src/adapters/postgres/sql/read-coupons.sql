-- Reads coupons by name with their first $2 holders, in one snapshot: amount minus remaining is the number of claims
-- that are not released, and the holders are their users; null where $2 is 0. With the time at which the query arrived: that of
-- the transaction, which begins with its only statement, so the snapshot is taken after it. The time of the statement would be
-- too late, since it is set again after the snapshot.
-- An archived coupon shows the sale window and the pause that are kept for it.
-- Locks: none. Indexes: coupons_name_unique, claims_one_per_position.
select id, name, amount, remaining_amount,
  case when archived then kept_opens_at else opens_at end as opens_at,
  case when archived then kept_closes_at else closes_at end as closes_at,
  case when archived then kept_paused else paused end as paused,
  archived,
  coupon_state(opens_at, closes_at, paused, greatest(clock_timestamp(), decided_at)) as state,
  hold_seconds, claims_per_user_max, saga, stock_low_at, title, description, pause_reason,
  case when $2::integer > 0 then coupon_holders_2(id, $2::integer) end as holders,
  extract(epoch from transaction_timestamp())::double precision * 1000 as at_ms
from coupons
where require_primary() and name = any ($1::text[])
