-- Lists the remaining units of the newest coupons that are not closed: $2 of them at most, among the newest $1 coupons.
-- A metric with a series for each coupon needs both limits.
-- Locks: none. Index: coupons_primary_key, backwards.
select name, remaining_amount
from (
  select id, name, remaining_amount,
    coupon_state(opens_at, closes_at, paused, greatest(clock_timestamp(), decided_at)) as state
  from coupons
  where require_primary()
  order by id desc
  limit $1::integer
) newest
where state <> 'closed'
order by id desc
limit $2::integer
