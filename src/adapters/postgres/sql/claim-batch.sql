-- Decides one batch of claims on one coupon. Returns one row for each run of claims with the same outcome, in the batch's
-- order, and no row when there is no such coupon. The decisions are committed when it returns.
-- Locks: the coupon's row. Indexes: coupons_name_unique, claims_one_per_user, stock_ledger_one_per_batch; where units came
-- back released_claims_one_per_user_and_position, where holds expire claims_one_per_position.
select outcome, claims, claim_id, position, claimed_at, opens_at, opens_in_seconds, expires_at, confirmed_at, redeemed_at,
  released_at, reason, saga_state
from claim_batch_2($1::uuid, $2::text, $3::text[], $4::text[]::uuid[], $5::text[], $6::boolean)
where require_durability()
