-- Resolves a batch in doubt. Returns no row when there is no such coupon, else 'void' when the batch can never commit now, or
-- 'committed' with one row for each change that it had made, in order; one row of nulls if it made none. A repeat returns the
-- same, with the claims as they are then.
-- Locks: the coupon's row, so it waits for the batch itself if that is still running. Indexes: stock_ledger_one_per_batch,
-- claims_one_per_position, released_claims_primary_key.
select settled, change, user_id, claim_id, position, claimed_at, expires_at, confirmed_at, redeemed_at, released_at, reason,
  saga_state
from (
  select *, null::timestamptz as expires_at from resolve_batch($1::text, $2::uuid)
) resolved
where require_durability()
