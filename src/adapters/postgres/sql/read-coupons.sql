-- Reads coupons by name with their first $2 holders, in one snapshot: amount minus remaining is the number of claims.
-- Locks: none. Indexes: coupons_name_unique, claims_one_per_position.
select id, name, amount, remaining_amount, opens_at, closes_at, paused,
  coupon_state(opens_at, closes_at, paused, greatest(clock_timestamp(), decided_at)) as state,
  coupon_holders_2(id, $2::integer) as holders
from coupons
where require_primary() and name = any ($1::text[])
