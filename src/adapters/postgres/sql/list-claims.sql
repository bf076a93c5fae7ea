-- Reads a page of a coupon's claims, after position $2 and in order of position. Positions may have gaps. Returns no row if
-- there is no such coupon, and one row of nulls if it has no claim after that position.
-- Locks: none. Indexes: coupons_name_unique, claims_one_per_position.
select page.claim_id, page.user_id, page.position, page.claimed_at
from coupons
left join lateral (
  select claims.claim_id, claims.user_id, claims.position, claims.claimed_at
  from claims
  where claims.coupon_id = coupons.id and claims.position > $2::integer
  order by claims.position
  limit $3::integer
) page on true
where require_primary() and coupons.name = $1::text
order by page.position
