-- Reads the claim of a user on a coupon. Returns no row if there is no such coupon, and nulls if the user has no claim.
-- Locks: none. Indexes: coupons_name_unique, claims_one_per_user.
select claims.claim_id, claims.user_id, claims.position, claims.claimed_at
from coupons
left join claims on claims.coupon_id = coupons.id and claims.user_id = $2::text
where require_primary() and coupons.name = $1::text
