-- Reads whether the relay has begun, which is so while there is a webhook.
-- Locks: none. The table has at most one row.
select exists (select from event_relay) as has_webhooks
where require_primary()
