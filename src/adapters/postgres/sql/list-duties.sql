-- Reads every duty with the node that runs it and since when; both are null where no lease is valid. A lease that ends
-- later than its length $1 from now is from before the clock was set back, and counts as expired. is_needed: there is something
-- to do, or can be; the relay has nothing to do until it begins, and retention nothing without tickets and counts of outcomes.
-- Locks: none. Index: duties_primary_key. The table event_relay has at most one row.
select name,
  case when is_held then node end as node,
  case when is_held then held_since end as since,
  case name
    when 'event_relay' then exists (select from event_relay)
    when 'ticket_retention' then exists (select from tickets) or exists (select from outcome_seconds)
    else true
  end as is_needed
from duties
cross join lateral (
  select expires_at > clock_timestamp()
    and expires_at <= clock_timestamp() + $1::integer * interval '1 millisecond' as is_held
) lease
where require_primary()
order by name
