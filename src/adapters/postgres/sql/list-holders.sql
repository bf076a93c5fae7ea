-- Reads the users that hold a coupon, after position $2 and in order of position, at most $3 of them. Positions may have
-- gaps.
-- Locks: none. Indexes: coupons_name_unique, claims_one_per_position.
select page.user_id, page.position
from coupons
cross join lateral (
  select claims.user_id, claims.position
  from claims
  where claims.coupon_id = coupons.id and claims.position > $2::integer
  order by claims.position
  limit $3::integer
) page
where require_primary() and coupons.name = $1::text
order by page.position
