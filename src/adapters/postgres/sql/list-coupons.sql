-- Reads a page of coupons in order of creation, after the coupon with the id $1.
-- Locks: none. Index: coupons_primary_key.
select id, name, amount, remaining_amount, opens_at, closes_at, paused,
  coupon_state(opens_at, closes_at, paused, greatest(clock_timestamp(), decided_at)) as state
from coupons
where require_primary() and id > $1::bigint
order by id
limit $2::integer
