-- Reads what became of the ticket of claim $1: 'gone' past its retention, 'final' with its row, else 'accepted'. One past its
-- time without a row is stored as expired first, which waits for a decision of it that is under way.
-- Locks: none. Indexes: tickets_primary_key, coupons_primary_key.
select standing, (ticket).claim_id, coupon_name, (ticket).user_id, (ticket).outcome, (ticket).held_claim_id,
  (ticket).position, (ticket).claimed_at, (ticket).opens_at, (ticket).opens_in_seconds, (ticket).expires_at,
  (ticket).confirmed_at, (ticket).redeemed_at, (ticket).released_at, (ticket).reason, (ticket).saga_state,
  (ticket).problem
from read_ticket($1::uuid, $2::bigint, $3::integer, $4::integer)
where require_durability()
