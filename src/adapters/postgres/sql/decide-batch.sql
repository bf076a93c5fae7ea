-- Decides one batch of claims and changes of claims on one coupon. Returns one row for each command, in the batch's order,
-- and no row when there is no such coupon. The decisions are committed when it returns.
-- Locks: the coupon's row. Indexes: coupons_name_unique, claims_one_per_user, redemptions_one_per_user,
-- released_claims_one_per_user_and_position, stock_ledger_one_per_batch; where holds expire claims_one_per_position; where
-- the coupon has a saga sagas_primary_key, sagas_one_per_claim.
select outcome, claims, claim_id, position, claimed_at, opens_at, opens_in_seconds, expires_at, confirmed_at, redeemed_at,
  released_at, reason, saga_state, last_claim, announced_seq
from decide_batch(
  $1::uuid, $2::text, $3::text[], $4::text[], $5::text[]::uuid[], $6::text[], $7::text[], $8::boolean[], $9::boolean[],
  $10::text[]::bigint[], $11::text[], $12::text[], $13::text[]::bigint[], $14::boolean
)
where require_durability()
