-- Reads the ids of the webhooks that have a delivery which is due.
-- Locks: none. Indexes: webhooks_primary_key, webhook_deliveries_due. Webhooks are few.
select w.id
from webhooks w
where require_primary() and w.disabled_at is null and coalesce(w.waits_until <= clock_timestamp(), true)
  and exists (
    select from webhook_deliveries d
    where d.webhook_id = w.id and d.state = 'P' and d.due_at <= clock_timestamp()
  )
order by w.id
