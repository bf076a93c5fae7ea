-- Reads the final states that are stored of the tickets of claims $1, in any order.
-- Locks: none. Indexes: tickets_primary_key, coupons_primary_key.
select 'final' as standing, (ticket).claim_id, coupon_name, (ticket).user_id, (ticket).outcome, (ticket).held_claim_id,
  (ticket).position, (ticket).claimed_at, (ticket).opens_at, (ticket).opens_in_seconds, (ticket).expires_at,
  (ticket).confirmed_at, (ticket).redeemed_at, (ticket).released_at, (ticket).reason, (ticket).saga_state,
  (ticket).problem
from find_tickets($1::text[]::uuid[])
where require_durability()
