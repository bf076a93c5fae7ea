-- Reads what all processes have counted for these coupons ($1) in the last $2 seconds before the last $3 ones, and the gaps in
-- the counts of these seconds, all in one snapshot: one row for each coupon there is. The empty name stands for claims that
-- were refused before their body was read. `rows` and `gaps` are JSON; clock_ms is the clock of the server.
-- Locks: none. Indexes: coupons_name_unique, outcome_seconds_by_coupon. The table outcome_gaps has a few rows.
select asked.name, at.ms as clock_ms,
  (
    select json_agg(
      json_build_array(o.second, o.outcomes, o.times, o.waiting, o.remaining_amount)
      order by o.second, o.stored_at
    )
    from outcome_seconds o
    where o.coupon_id = coupon.id and o.second > at.last_second - $2::integer and o.second <= at.last_second
  )::text as rows,
  (
    select json_agg(json_build_array(g.first_second, g.last_second))
    from outcome_gaps g
    where g.last_second > at.last_second - $2::integer
      or g.first_second = 0
  )::text as gaps
from (select extract(epoch from transaction_timestamp())::double precision * 1000 as ms) clock
cross join lateral (select clock.ms, floor(clock.ms / 1000)::bigint - 1 - $3::integer as last_second) at
cross join unnest($1::text[]) as asked (name)
cross join lateral (
  select case
    when asked.name = '' then 0
    else (select coupons.id from coupons where coupons.name = asked.name)
  end as id
) coupon
where require_primary() and coupon.id is not null
