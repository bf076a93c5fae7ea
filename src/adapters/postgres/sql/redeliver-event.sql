-- Makes one delivery of the webhook $1 due now, whatever became of it: that of the event $4 of the ledger row $3 of the coupon
-- $2. A webhook that waits is tried at once. Returns no row if it is gone or disabled, or has no such delivery.
-- Locks: the row of the webhook, the delivery. Indexes: webhooks_primary_key, webhook_deliveries_primary_key.
with webhook as (
  update webhooks set waits_until = null where id = $1::uuid and disabled_at is null and require_durability()
  returning id
)
update webhook_deliveries d
set state = 'P', attempts = 0, due_at = clock_timestamp(), requested_at = clock_timestamp()
from webhook
where d.webhook_id = webhook.id and d.webhook_id = $1::uuid and d.coupon_id = $2::bigint and d.seq = $3::bigint
  and d.n = $4::integer
returning d.n
