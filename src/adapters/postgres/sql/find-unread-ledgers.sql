-- Reads the next coupons after the id $1, at most $2, and returns those that have ledger rows which the relay has not read, and
-- those whose sale has opened or closed since. `found` is JSON: an id, whether there are rows, and whether the sale has changed.
-- `last_id` is null at the end. No row: the relay has not begun.
-- Locks: none. Indexes: event_relay_primary_key, coupons_primary_key, event_cursors_primary_key.
select case when count(c.id) = $2::integer then max(c.id) end as last_id,
  json_agg(json_build_array(c.id::text, c.has_rows, c.has_changed)) filter (where c.has_rows or c.has_changed)::text as found
from event_relay relay
left join lateral (
  select page.id,
    coalesce(page.ledger_seq > cursor.seq, true) as has_rows,
    coalesce(page.sale_now <> coalesce(cursor.sale_state, page.state_before), false) as has_changed
  from (
    select c.id, c.ledger_seq, sale_state(c, clock_timestamp()) as sale_now,
      case when c.created_at >= relay.started_at then 'before' end as state_before
    from coupons c
    where c.id > $1::bigint
    order by c.id
    limit $2::integer
  ) page
  left join lateral (
    select e.seq, e.sale_state from event_cursors e
    where e.coupon_id = page.id and e.started_at >= relay.started_at
    limit 1
  ) cursor on true
) c on true
where require_primary() and relay.is_only
group by relay.is_only
