-- Decides one claim of each of several coupons and returns one row for each that won; the others are left undecided.
-- Once it has returned, what it says is committed.
-- Locks: the coupons' rows that nobody else has locked. Indexes: coupons_name_unique, claims_one_per_user,
-- coupons_primary_key.
select place, position, claimed_at
from claim_bundle($1::text[]::uuid[], $2::text[], $3::text[], $4::text[]::uuid[], $5::text[])
