-- Reads the claim that a user holds of a coupon: no row when there is no such coupon, nulls when he holds none.
-- Locks: none. Indexes: coupons_name_unique, claims_one_per_user.
select claims.claim_id, claims.user_id, claims.position, claims.claimed_at
from coupons
left join claims on claims.coupon_id = coupons.id and claims.user_id = $2::text
where require_primary() and coupons.name = $1::text
