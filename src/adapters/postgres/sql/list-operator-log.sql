-- Reads a page of the operator log, the newest entry first, before the entry with the time $1, in microseconds since 1970,
-- and the id $2.
-- Locks: none. Index: operator_log_primary_key.
select id, at, (extract(epoch from at) * 1000000)::bigint as at_microseconds, actor, action, coupon_name, before, after,
  reason, request_id
from operator_log
where require_primary() and (at, id) < (to_timestamp(0) + $1::bigint * interval '1 microsecond', $2::uuid)
order by at desc, id desc
limit $3::integer
