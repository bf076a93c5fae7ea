-- Reads the next due deliveries of the webhook $1, at most $2, each with its event, but for those under way: $3 to $5.
-- recorded_at: of the event, or when an operator has asked for it again; attempts end 24 hours later.
-- Locks: the deliveries that are put off, because an earlier event of their claim is pending.
-- Indexes: webhook_deliveries_due, webhook_deliveries_of_claim, coupons_primary_key, stock_ledger_primary_key,
-- claims_one_per_position, released_claims_primary_key.
select due.coupon_id::text, due.seq::text, due.n, due.attempts, greatest(due.recorded_at, due.requested_at) as recorded_at,
  event.*
from (
  select * from due_deliveries($1::uuid, $2::integer + cardinality($3::text[])) with ordinality found
  where (found.coupon_id, found.seq, found.n) not in (
    select coupon_id::bigint, seq::bigint, n from unnest($3::text[], $4::text[], $5::integer[]) under_way (coupon_id, seq, n)
  )
  order by found.ordinality
  limit $2::integer
) due
cross join lateral view_event(due.coupon_id, due.seq, due.n, due.type, due.position) event
order by due.ordinality
