-- Reads the next coupons with holds that end by time after the id $1, at most $2, and returns those whose first claim after expiry_position
-- is no hold in time: an expired hold, or a claim to pass. `due` is JSON: an id, a name and the seconds since the expiry, of each.
-- `last_id` is null at the end.
-- Locks: none. Indexes: coupons_with_holds, claims_one_per_position.
select case when count(*) = $2::integer then max(c.id) end as last_id,
  json_agg(json_build_array(c.id::text, c.name, coalesce(extract(epoch from clock_timestamp() - first.expires_at), 0)))
    filter (where first.is_due)::text as due
from (
  select id, name, expiry_position from coupons
  where require_primary() and hold_seconds is not null and saga is null and id > $1::bigint
  order by id
  limit $2::integer
) c
left join lateral (
  select claims.expires_at, coalesce(claims.expires_at <= clock_timestamp(), true) as is_due
  from claims
  where claims.coupon_id = c.id and claims.position > c.expiry_position
  order by claims.position
  limit 1
) first on true
