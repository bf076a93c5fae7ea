-- Makes one delivery of the webhook $1 due now, whatever became of it: that of the event $4 of the ledger row $3 of the coupon
-- $2. Returns no row if the webhook is gone or disabled, or has no such delivery.
-- Locks: the delivery. Indexes: webhook_deliveries_primary_key, webhooks_primary_key.
update webhook_deliveries d
set state = 'P', attempts = 0, due_at = clock_timestamp(), requested_at = clock_timestamp()
where d.webhook_id = $1::uuid and d.coupon_id = $2::bigint and d.seq = $3::bigint and d.n = $4::integer
  and exists (select from webhooks w where w.id = $1::uuid and w.disabled_at is null)
returning d.n
