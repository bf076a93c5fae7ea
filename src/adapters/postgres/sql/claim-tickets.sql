-- Decides one batch of claims with tickets on one coupon, and stores the final state of each ticket. Returns one row for each
-- run of claims with the same outcome, in the batch's order. A ticket that has a final state gets that one, and nothing is
-- decided for it; nor for one accepted $7 seconds ago or earlier, which is stored as expired. The decisions are committed
-- when it returns. Fails with unique_violation when another session stores one of these tickets meanwhile; it can be repeated at
-- once.
-- Locks: the coupon's row. Indexes: tickets_primary_key, and those of claim-batch.sql.
select outcome, claims, claim_id, position, claimed_at, opens_at, opens_in_seconds, expires_at, confirmed_at, redeemed_at,
  released_at, reason, saga_state, null::jsonb as last_claim, null::bigint as announced_seq, problem
from claim_tickets(
  $1::uuid, $2::text, $3::text[], $4::text[]::uuid[], $5::text[], $6::text[]::bigint[], $7::integer, $8::integer, $9::boolean
)
where require_durability()
