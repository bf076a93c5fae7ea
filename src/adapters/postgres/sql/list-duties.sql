-- Reads every duty with the node that runs it and since when; both are null where no lease is valid. A lease that ends
-- later than its length $1 from now is from before the clock was set back, and counts as expired.
-- Locks: none. Index: duties_primary_key.
select name,
  case when is_held then node end as node,
  case when is_held then held_since end as since
from duties
cross join lateral (
  select expires_at > clock_timestamp()
    and expires_at <= clock_timestamp() + $1::integer * interval '1 millisecond' as is_held
) lease
where require_primary()
order by name
