-- Counts the open holds among the next $4 claims after expiry_position, of at most $3 coupons, from the position $2 of the
-- coupon $1 on. Claims that sagas end are no such holds. Returns the place of the last claim read; `is_end` when there is none after it.
-- Locks: none. Indexes: coupons_with_holds, claims_one_per_position.
with page as materialized (
  select c.id, claim.position, claim.expires_at, row_number() over (order by c.id, claim.position) as place
  from (
    select id, expiry_position from coupons
    where require_primary() and hold_seconds is not null and saga is null and id >= $1::bigint
    order by id
    limit $3::integer
  ) c
  left join lateral (
    select claims.position, claims.expires_at from claims
    where claims.coupon_id = c.id
      and claims.position > greatest(c.expiry_position, case when c.id = $1::bigint then $2::integer else 0 end)
    order by claims.position
    limit $4::integer
  ) claim on true
  order by c.id, claim.position
  limit $4::integer
)
select count(expires_at)::integer as holds,
  count(*) < $4::integer and count(distinct id) < $3::integer as is_end,
  max(id)::text as last_coupon_id,
  coalesce((array_agg(position order by place desc))[1], 0) as last_position
from page
