-- Begins to deliver to the webhook $1, and ends the right of every earlier process. Returns no row if it is gone, disabled, or
-- waits.
-- Locks: the row of the webhook. Indexes: webhooks_primary_key.
update webhooks
set epoch = epoch + 1
where id = $1::uuid and disabled_at is null and coalesce(waits_until <= clock_timestamp(), true)
returning epoch::text, url, secrets, failures_in_a_row
