-- Reads what webhooks have got of the claim at position $2 of the coupon $1, which changed at the times $3, and what operators
-- have done to it ($4) and its saga ($5, or null) since it was made. Both are JSON, in one snapshot. Reads the deliveries of the
-- batches of these times, and at most 10,000 entries of the log. No row if there is no such coupon.
-- Locks: none. Indexes: coupons_name_unique, webhook_deliveries_by_time, operator_log_primary_key.
select
  (
    select json_agg(json_build_object(
      'webhook_id', d.webhook_id, 'coupon_id', d.coupon_id::text, 'seq', d.seq::text, 'n', d.n, 'type', d.type, 'state', d.state,
      'attempts', d.attempts, 'last_status', d.last_status, 'last_error', d.last_error,
      'at', time_in_json(coalesce(d.last_attempt_at, d.recorded_at))
    ))
    from webhooks w
    cross join unnest($3::timestamptz[]) as changed (at)
    join webhook_deliveries d on d.webhook_id = w.id and d.recorded_at = changed.at
    where d.coupon_id = c.id and d.position = $2::integer
  )::text as deliveries,
  (
    select json_agg(json_build_object(
      'at', time_in_json(l.at), 'actor', l.actor, 'action', l.action, 'reason', l.reason
    ))
    from (
      select * from operator_log o where o.at >= ($3::timestamptz[])[1] order by o.at limit 10000
    ) l
    where l.coupon_name = c.name
      and (l.after ->> 'claim_id' = $4::uuid::text or l.after ->> 'saga_id' = $5::uuid::text)
  )::text as entries
from coupons c
where require_primary() and c.name = $1::text
