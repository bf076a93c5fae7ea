-- Releases the expired holds among the next $4 claims of the coupons $2, the same number of each, under the lease $1 of the
-- expiry sweep, and records those of each coupon as a batch with the id at the same place of $3. Returns a row for each coupon that was swept. A single row in which is_held is false: the lease is not valid,
-- and nothing was written.
-- Locks: the row of the duty, and the rows of the coupons; of several coupons, those that no other session has locked.
-- Indexes: duties_primary_key, coupons_primary_key, claims_one_per_position.
select is_held, coupon_id::text, released, has_more
from sweep_due_coupons($1::bigint, $2::text[]::bigint[], $3::uuid[], $4::integer)
