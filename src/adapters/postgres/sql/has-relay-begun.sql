-- Reads whether the relay has begun, which is so while there is a webhook, and once there was a coupon with a saga.
-- Locks: none. The table has at most one row.
select exists (select from event_relay) as has_begun
where require_primary()
