-- Decides one batch of claims on one coupon and returns one row for each run of claims that hear the same, in the
-- batch's order; no row when there is no such coupon. Once it has returned, what it says is committed.
-- Locks: the coupon's row. Indexes: coupons_name_unique, claims_one_per_user, stock_ledger_one_per_batch.
select outcome, claims, claim_id, position, claimed_at, opens_at, opens_in_seconds
from claim_batch($1::uuid, $2::text, $3::text[], $4::text[]::uuid[], $5::text[], $6::boolean)
