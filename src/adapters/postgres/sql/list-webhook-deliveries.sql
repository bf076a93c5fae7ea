-- Reads a page of the deliveries of the webhook $1, the newest event first, before the one at the time $2, in microseconds
-- since 1970, of the coupon $3 with the number $5 in its ledger row $4. Returns no row if there is no such webhook, and one row
-- of nulls if it has no such delivery.
-- Locks: none. Indexes: webhooks_primary_key, webhook_deliveries_by_time.
select page.*
from webhooks w
left join lateral (
  select d.coupon_id, d.seq, d.n, d.type, d.state::text, d.attempts, d.recorded_at, d.last_status, d.last_error,
    d.last_attempt_at, case when d.state = 'P' then d.due_at end as next_attempt_at,
    (extract(epoch from d.recorded_at) * 1000000)::bigint as at_microseconds
  from webhook_deliveries d
  where d.webhook_id = w.id
    and (d.recorded_at, d.coupon_id, d.seq, d.n)
      < (to_timestamp(0) + $2::bigint * interval '1 microsecond', $3::bigint, $4::bigint, $5::integer)
  order by d.recorded_at desc, d.coupon_id desc, d.seq desc, d.n desc
  limit $6::integer
) page on true
where require_primary() and w.id = $1::uuid
order by page.recorded_at desc, page.coupon_id desc, page.seq desc, page.n desc
