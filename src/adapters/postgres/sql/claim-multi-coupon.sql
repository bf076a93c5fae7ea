-- Decides one claim of each of several coupons. Returns one row for each claim that won; the others are left undecided.
-- The decisions are committed when it returns.
-- Locks: the coupons' rows that no other session has locked. Indexes: coupons_name_unique, claims_one_per_user,
-- coupons_primary_key; where units came back released_claims_one_per_user_and_position.
select place, position, claimed_at, expires_at
from claim_multi_coupon($1::text[]::uuid[], $2::text[], $3::text[], $4::text[]::uuid[], $5::text[])
where require_durability()
