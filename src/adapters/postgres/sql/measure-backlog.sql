-- Measures what is left to do for webhooks and sagas: counts of at most $1, and ages in seconds. Those of deliveries are of the
-- first and the last $2 of each webhook in order of their next attempt, and those of sagas of the oldest $2 in each state. No
-- row: the relay has not begun.
-- Locks: none. Indexes: event_relay_primary_key, webhooks_primary_key, webhook_deliveries_due, sagas_by_state.
select receivers.active, receivers.disabled, pending.deliveries, open.running, open.compensating, open.needs_attention,
  coalesce(extract(epoch from clock_timestamp() - waiting.since), 0)::float8 as undelivered_seconds,
  coalesce(extract(epoch from clock_timestamp() - oldest.started_at), 0)::float8 as saga_seconds,
  greatest(coalesce(extract(epoch from clock_timestamp() - oldest.deadline_at), 0), 0)::float8 as saga_overdue_seconds
from event_relay relay
cross join lateral (
  select count(*) filter (where w.disabled_at is null)::integer as active,
    count(*) filter (where w.disabled_at is not null)::integer as disabled
  from (select disabled_at from webhooks order by id) w
) receivers
cross join lateral (
  select count(*)::integer as deliveries
  from (
    select
    from webhooks w
    cross join lateral (
      select from webhook_deliveries d
      where d.webhook_id = w.id and d.state = 'P'
      order by d.due_at, d.coupon_id, d.seq, d.n
      limit $1::integer
    ) d
    limit $1::integer
  ) counted
) pending
cross join lateral (
  select min(greatest(d.recorded_at, d.requested_at)) as since
  from (select id, disabled_at from webhooks order by id) w
  cross join lateral (
    (
      select * from webhook_deliveries f
      where f.webhook_id = w.id and f.state = 'P'
      order by f.due_at, f.coupon_id, f.seq, f.n
      limit $2::integer
    )
    union all
    (
      select * from webhook_deliveries l
      where l.webhook_id = w.id and l.state = 'P'
      order by l.due_at desc, l.coupon_id desc, l.seq desc, l.n desc
      limit $2::integer
    )
  ) d
  where w.disabled_at is null
) waiting
cross join lateral (
  select count(*) filter (where s.state = 'R')::integer as running,
    count(*) filter (where s.state = 'C')::integer as compensating,
    count(*) filter (where s.state = 'A')::integer as needs_attention
  from unnest(array['R', 'C', 'A']::"char"[]) asked (state)
  cross join lateral (
    select x.state from sagas x
    where x.state = asked.state
    order by x.started_at
    limit $1::integer
  ) s
) open
cross join lateral (
  select min(s.started_at) as started_at, min(s.deadline_at) as deadline_at
  from unnest(array['R', 'C']::"char"[]) asked (state)
  cross join lateral (
    select x.started_at, x.deadline_at from sagas x
    where x.state = asked.state
    order by x.started_at
    limit $2::integer
  ) s
) oldest
where require_primary() and relay.is_only
