-- Reads the stock of coupons, how long their sales go on, and when the next hold can expire: the snapshots of the sold-out
-- cache. A coupon with stock_announced must not count as sold out: units may return once all older snapshots have expired.
-- The last claim, released or not, identifies the past: a failover can lose it and give its position to another claim.
-- Holds expire in order of position, none up to expiry_position, so the first claim after it ends no later than any hold.
-- A saga that returns its unit announces that first.
-- Locks: none. Indexes: coupons_name_unique, claims_one_per_position, released_claims_primary_key.
select name, amount, remaining_amount,
  coupon_state(opens_at, closes_at, paused, moment.at) as state, stock_announced,
  extract(epoch from closes_at - moment.at)::double precision * 1000 as closes_in_ms,
  last_claim.position as last_position, last_claim.claim_id as last_claim_id,
  extract(epoch from next_hold.ends_at - moment.at)::double precision * 1000 as holds_expire_in_ms
from coupons
cross join lateral (select greatest(clock_timestamp(), decided_at) as at) moment
left join lateral (
  select claims.position, claims.claim_id from claims
  where claims.coupon_id = coupons.id and claims.position = amount - remaining_amount + returned_units
  union all
  select released.position, released.claim_id from released_claims released
  where released.coupon_id = coupons.id and released.position = amount - remaining_amount + returned_units
) last_claim on true
left join lateral (
  select claims.claimed_at + make_interval(secs => hold_seconds) as ends_at from claims
  where hold_seconds is not null and saga is null and claims.coupon_id = coupons.id and claims.position > expiry_position
  order by claims.position
  limit 1
) next_hold on true
where require_primary() and name = any ($1::text[])
