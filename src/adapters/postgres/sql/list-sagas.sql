-- Reads a page of the sagas in the states $1, the oldest first, after the one that began at the time $2, in microseconds since
-- 1970, with the id $3.
-- Locks: none. Indexes: sagas_by_state, coupons_primary_key.
select view.*, (extract(epoch from view.started_at) * 1000000)::bigint as at_microseconds
from (
  select found.saga
  from unnest($1::text[]) asked (state)
  cross join lateral (
    select s as saga
    from sagas s
    where s.state = asked.state::"char"
      and (s.started_at, s.saga_id::text collate "C")
        > (to_timestamp(0) + $2::bigint * interval '1 microsecond', $3::uuid::text)
    order by s.started_at, s.saga_id::text collate "C"
    limit $4::integer
  ) found
  order by (found.saga).started_at, (found.saga).saga_id
  limit $4::integer
) page
cross join lateral view_saga(page.saga) view
where require_primary()
order by view.started_at, view.saga_id
