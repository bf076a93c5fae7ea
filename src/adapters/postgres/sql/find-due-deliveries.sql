-- Reads the next due deliveries of the webhook $1, at most $2, each with its event, from those due at $3 on, but for those under
-- way: $4 to $6. asked_at: when the event happened, or when an operator has asked for it again; attempts end 24 hours later.
-- Locks: the deliveries that are put off, because an earlier event of their claim is pending.
-- Indexes: webhook_deliveries_due, webhook_deliveries_of_claim, coupons_primary_key, stock_ledger_primary_key,
-- claims_one_per_position, released_claims_primary_key.
select due.coupon_id::text, due.seq::text, due.n, due.attempts, due.asked_at, due.first_due_at, due.type, due.at,
  due.coupon_name, due.amount, due.remaining_amount, due.state, due.claim_id, due.user_id, due.position, due.claimed_at,
  due.expires_at, due.confirmed_at, due.redeemed_at, due.released_at, due.reason, due.saga_state
from due_deliveries(
  $1::uuid, $2::integer, $3::timestamptz, $4::text[]::bigint[], $5::text[]::bigint[], $6::integer[]
) due
