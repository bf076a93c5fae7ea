-- Reads the users that hold a coupon, after position $2 and in order of position, at most $4 of them. Positions may have
-- gaps. knows_claim: position $2 was given to the claim $3, which may be released since; true where $3 is null. One row
-- without a user where there is none.
-- Locks: none. Indexes: coupons_name_unique, claims_one_per_position, released_claims_primary_key.
select page.user_id, page.position, page.claim_id,
  $3::uuid is null
  or exists (
    select from claims
    where claims.coupon_id = coupons.id and claims.position = $2::integer and claims.claim_id = $3::uuid
  )
  or exists (
    select from released_claims released
    where released.coupon_id = coupons.id and released.position = $2::integer and released.claim_id = $3::uuid
  ) as knows_claim
from coupons
left join lateral (
  select claims.user_id, claims.position, claims.claim_id
  from claims
  where claims.coupon_id = coupons.id and claims.position > $2::integer
  order by claims.position
  limit $4::integer
) page on true
where require_primary() and coupons.name = $1::text
order by page.position
