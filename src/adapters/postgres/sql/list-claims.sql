-- Reads a page of a coupon's claims in order of position, behind position $2: no row when there is no such coupon, one
-- row of nulls when there is no claim behind it.
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
