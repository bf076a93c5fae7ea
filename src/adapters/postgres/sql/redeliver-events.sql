-- Makes the next deliveries of the webhook $1 due now, at most $7: of events before the time $2 that follow the event at the
-- time $3 of the coupon $4 with the number $6 in its ledger row $5. Returns their number and the last of them; no row if the
-- webhook is gone or disabled. One that waits is tried at once.
-- Locks: the row of the webhook, the deliveries.
-- Indexes: webhooks_primary_key, webhook_deliveries_by_time, webhook_deliveries_primary_key.
with webhook as (
  update webhooks set waits_until = null where id = $1::uuid and disabled_at is null and require_durability()
  returning id
), page as materialized (
  select d.coupon_id, d.seq, d.n, d.recorded_at
  from webhook_deliveries d
  where d.webhook_id = $1::uuid and d.recorded_at < $2::timestamptz
    and (d.recorded_at, d.coupon_id, d.seq, d.n) > ($3::timestamptz, $4::bigint, $5::bigint, $6::integer)
  order by d.recorded_at, d.coupon_id, d.seq, d.n
  limit $7::integer
), due as (
  update webhook_deliveries d
  set state = 'P', attempts = 0, due_at = clock_timestamp(), requested_at = clock_timestamp()
  from webhook
  cross join page
  where d.webhook_id = webhook.id and d.webhook_id = $1::uuid and d.coupon_id = page.coupon_id and d.seq = page.seq
    and d.n = page.n
)
select (select count(*)::integer from page) as found, last.recorded_at, last.coupon_id, last.seq, last.n
from webhook
left join lateral (
  select * from page p order by p.recorded_at desc, p.coupon_id desc, p.seq desc, p.n desc limit 1
) last on true
