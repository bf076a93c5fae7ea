-- Reads the users that hold a coupon behind position $2, at most $3 of them. Positions have no gaps.
-- Locks: none. Indexes: coupons_name_unique, claims_one_per_position.
select claims.user_id
from coupons
join claims on claims.coupon_id = coupons.id
where require_primary() and coupons.name = $1::text
  and claims.position > $2::integer and claims.position <= $2::integer + $3::integer
