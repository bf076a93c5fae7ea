-- why: each change of a claim, of stock and of a sale's state becomes an event, from the ledger, and each webhook gets it
-- compatible: yes

-- 'opened' and 'closed': what the clock or an operator does to a sale. They move no unit.
alter table stock_ledger
  drop constraint stock_ledger_kind_known,
  add constraint stock_ledger_kind_known
    check (kind in ('grant', 'stock_added', 'claimed', 'void', 'mixed', 'opened', 'closed')),
  drop constraint stock_ledger_units_match_kind,
  add constraint stock_ledger_units_match_kind check (
    case
      when kind in ('void', 'opened', 'closed') then units = 0
      when kind = 'mixed' then units >= 0
      else units >= 1
    end
  );

alter table operator_log
  drop constraint operator_log_action_known,
  add constraint operator_log_action_known check (
    action in (
      'create_coupon', 'change_coupon', 'archive_coupon', 'unarchive_coupon', 'add_stock', 'release_claim',
      'create_webhook', 'delete_webhook', 'rotate_webhook_secret', 'enable_webhook'
    )
  ),
  -- A webhook may be for the events of all coupons.
  alter column coupon_name drop not null,
  -- Null after a deletion.
  alter column after drop not null;

insert into duties (name) values ('event_relay');

-- A receiver of events. It gets what happens after active_from.
create table webhooks (
  id uuid not null constraint webhooks_primary_key primary key,
  url text not null constraint webhooks_url_length check (char_length(url) between 1 and 2048),
  events text[] not null,
  -- Null: events of all coupons.
  coupon_id bigint,
  -- The newest first. Each signs every delivery, so that a receiver can change from one to the next.
  secrets text[] not null constraint webhooks_secrets_count check (cardinality(secrets) between 1 and 2),
  created_at timestamptz not null,
  -- When it was created or, after that, last enabled.
  active_from timestamptz not null,
  -- No event is kept for it from then on.
  disabled_at timestamptz,
  disabled_reason text,
  -- Until then nothing is sent, because the last deliveries have failed.
  waits_until timestamptz,
  failures_in_a_row integer not null default 0,
  -- Rises with each process that delivers to it. A result under an older epoch is not stored.
  epoch bigint not null default 0,
  -- What was asked for under this key stays in url, events and coupon_id, which never change.
  idempotency_key text collate "C" constraint webhooks_one_per_key unique
);

-- How far the ledger of a coupon has become events. sale_state: the last of 'opened' and 'closed' in its ledger, or what the
-- sale was when the relay began.
create table event_cursors (
  coupon_id bigint not null constraint event_cursors_primary_key primary key,
  seq bigint not null,
  sale_state text not null
    constraint event_cursors_sale_state_known check (sale_state in ('before', 'opened', 'closed')),
  -- The start of the relay that it was made for.
  started_at timestamptz not null
)
-- A slice of the relay updates a row once. Room on its page keeps that update off the index.
with (fillfactor = 50);

-- When the relay began, for events of coupons that are older. No row: there is no webhook, and no coupon has a saga.
create table event_relay (
  is_only boolean not null default true constraint event_relay_primary_key primary key
    constraint event_relay_one_row check (is_only),
  started_at timestamptz not null
);

-- An event that one webhook is to get, or has got. The event is the n-th of a ledger row: first the claims that it makes, in
-- order of position, then the claims that it changes, in its order, then what became of the coupon.
create table webhook_deliveries (
  webhook_id uuid not null,
  coupon_id bigint not null,
  seq bigint not null,
  n integer not null,
  type text not null,
  -- Of the claim; null for an event of the coupon.
  position integer,
  state "char" not null default 'P'
    constraint webhook_deliveries_state_known check (state in ('P', 'D', 'G')),
  attempts integer not null default 0,
  -- While pending: when it is sent next.
  due_at timestamptz not null,
  recorded_at timestamptz not null,
  -- When an operator last asked for it to be sent again.
  requested_at timestamptz,
  last_attempt_at timestamptz,
  -- The HTTP status of the last attempt; null where none arrived.
  last_status integer,
  last_error text,
  constraint webhook_deliveries_primary_key primary key (webhook_id, coupon_id, seq, n)
);
alter table webhook_deliveries alter column webhook_id set (n_distinct = 1);
create index webhook_deliveries_due on webhook_deliveries (webhook_id, due_at, coupon_id, seq, n) where state = 'P';
create index webhook_deliveries_of_claim on webhook_deliveries (webhook_id, coupon_id, position, seq, n) where state = 'P';

-- The ledger rows of one batch have one time, so many deliveries share an entry.
create index webhook_deliveries_by_time on webhook_deliveries (webhook_id, recorded_at);

create index coupons_with_sagas on coupons (id) where saga is not null;

-- Begins the relay if it has not begun. Every slice of the relay holds the row of its duty, and here it is locked until the
-- end of the transaction: a slice that has not seen what the transaction makes is committed before.
create function begin_event_relay() returns void
language plpgsql
set enable_seqscan = off
as $$
begin
  perform from duties d where d.name = 'event_relay' for update;
  insert into event_relay (started_at) values (clock_timestamp())
  on conflict on constraint event_relay_primary_key do nothing;
end
$$;

-- What a sale is at a moment for the relay; null where it has not opened yet. Paused is neither: a sale that is paused has
-- not ended, and does not open a second time.
create function sale_state(in_coupon coupons, in_at timestamptz) returns text language sql immutable as $$
  select case
    when in_coupon.closes_at <= in_at then 'closed'
    when coupon_state(in_coupon.opens_at, in_coupon.closes_at, in_coupon.paused, in_at) = 'open' then 'opened'
  end
$$;

-- Makes the cursors of coupons that have none, or one of an earlier start of the relay. What happened before the start is no
-- event: the cursor of an older coupon stands at its last ledger row before the start. But each claim of a coupon with a saga
-- begins one, so its ledger is read from the first row to the last.
create function begin_event_cursors(in_coupon_ids bigint[], in_started_at timestamptz) returns void
language sql as $$
  insert into event_cursors (coupon_id, seq, sale_state, started_at)
  select
    c.id,
    case when c.saga is null then
      coalesce(
        (
          select l.seq from stock_ledger l
          where l.coupon_id = c.id and l.recorded_at < in_started_at
          order by l.seq desc limit 1
        ),
        0
      )
    else
      0
    end,
    case
      when c.created_at >= in_started_at or c.opens_at > in_started_at then 'before'
      when c.closes_at <= in_started_at then 'closed'
      else 'opened'
    end,
    in_started_at
  from unnest(in_coupon_ids) asked (id)
  cross join lateral (select * from coupons x where x.id = asked.id limit 1) c
  on conflict on constraint event_cursors_primary_key do update
  set seq = case when excluded.seq = 0 then event_cursors.seq else excluded.seq end,
    sale_state = case when excluded.seq = 0 then event_cursors.sale_state else excluded.sale_state end,
    started_at = excluded.started_at
  where event_cursors.started_at < excluded.started_at
$$;

-- Records under the coupon's lock that its sale has opened or closed, under the lease of the relay. False: the lease is not
-- valid, and nothing was written.
create function record_sale_state(in_epoch bigint, in_coupon_id bigint) returns boolean
language plpgsql
set enable_seqscan = off
as $$
declare
  coupon coupons%rowtype;
  decision_time timestamptz;
  state text;
  recorded text;
begin
  if not holds_duty('event_relay', in_epoch) then
    return false;
  end if;
  perform begin_event_cursors(array[in_coupon_id], r.started_at) from event_relay r;
  select * into coupon from coupons c where c.id = in_coupon_id for update;
  decision_time := greatest(clock_timestamp(), coupon.decided_at);
  state := sale_state(coupon, decision_time);
  select e.sale_state into recorded from event_cursors e where e.coupon_id = in_coupon_id;
  if state is null or recorded is null or state = recorded then
    return true;
  end if;
  insert into stock_ledger
    (coupon_id, seq, batch_id, kind, units, first_position, remaining_after, recorded_at)
  values
    (coupon.id, coupon.ledger_seq + 1, gen_random_uuid(), state, 0, null, coupon.remaining_amount, decision_time);
  update coupons c set ledger_seq = coupon.ledger_seq + 1, decided_at = decision_time where c.id = coupon.id;
  update event_cursors e set sale_state = state where e.coupon_id = coupon.id;
  return true;
end
$$;

-- Turns the next ledger rows of these coupons, at most in_rows of each, into deliveries and sagas, under the lease of the
-- relay. Returns one row for each coupon that has a cursor. If the lease is not valid it returns a single row, in which is_held
-- is false, and writes nothing. Reading a row a second time makes the same deliveries and sagas.
create function relay_ledger(in_epoch bigint, in_coupon_ids bigint[], in_rows integer)
returns table (is_held boolean, coupon_id bigint, has_more boolean)
language plpgsql
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
declare
  relay event_relay%rowtype;
  seqs bigint[];
begin
  is_held := holds_duty('event_relay', in_epoch);
  if not is_held then
    return next;
    return;
  end if;
  select * into relay from event_relay;
  if not found then
    return;
  end if;
  perform begin_event_cursors(in_coupon_ids, relay.started_at);

  seqs := array(
    select (select e.seq from event_cursors e where e.coupon_id = asked.id limit 1)
    from unnest(in_coupon_ids) with ordinality asked (id, place)
    order by asked.place
  );

  return query
    with slice as (
      select l.*, coupon.hold_seconds, coupon.stock_low_at, before.remaining_after as remaining_before
      from unnest(in_coupon_ids) asked (id)
      cross join lateral (select e.seq from event_cursors e where e.coupon_id = asked.id limit 1) cursor
      cross join lateral (select c.hold_seconds, c.stock_low_at from coupons c where c.id = asked.id limit 1) coupon
      cross join lateral (
        select * from stock_ledger r
        where r.coupon_id = asked.id and r.seq > cursor.seq
        order by r.seq
        limit in_rows
      ) l
      left join lateral (
        select p.remaining_after from stock_ledger p where p.coupon_id = l.coupon_id and p.seq = l.seq - 1 limit 1
      ) before on true
    ),
    delivered as (
      insert into webhook_deliveries (webhook_id, coupon_id, seq, n, type, position, due_at, recorded_at)
      select w.id, s.coupon_id, s.seq, event.n, event.type, event.position, s.recorded_at, s.recorded_at
      from slice s
      cross join lateral (
        select k as n, case when s.hold_seconds is null then 'claim.confirmed' else 'claim.reserved' end as type,
          s.first_position + k - 1 as position
        from generate_series(1, s.units) k
        where s.kind in ('claimed', 'mixed')
        union all
        select s.units + made.n,
          case made.change when 'C' then 'claim.confirmed' when 'U' then 'claim.redeemed' else 'claim.released' end,
          made.position
        from unnest(s.changes, s.changed_positions) with ordinality made (change, position, n)
        union all
        select s.units + coalesce(cardinality(s.changes), 0) + became.n, became.type, null
        from (
          values
            (1, case s.kind when 'opened' then 'coupon.opened' when 'closed' then 'coupon.closed' end),
            (2, case when s.remaining_before > s.stock_low_at and s.remaining_after <= s.stock_low_at
              then 'coupon.stock_low' end),
            (3, case
              when s.remaining_before > 0 and s.remaining_after = 0 then 'coupon.sold_out'
              when s.remaining_before = 0 and s.remaining_after > 0 then 'coupon.back_in_stock'
            end)
        ) became (n, type)
        where became.type is not null
      ) event
      join webhooks w on w.disabled_at is null and coalesce(w.coupon_id = s.coupon_id, true)
        and event.type = any (w.events) and w.active_from <= s.recorded_at
      on conflict do nothing
    ),
    moved as (
      update event_cursors e
      set seq = read.last_seq
      from (select s.coupon_id, max(s.seq) as last_seq from slice s group by s.coupon_id) read
      where e.coupon_id = read.coupon_id
    )
    select true, asked.id, (select count(*) = in_rows from slice s where s.coupon_id = asked.id)
    from unnest(in_coupon_ids) asked (id);

  -- Of the rows that the cursors have passed here, and no others.
  perform begin_sagas(asked.id, made.first_position, made.units)
  from unnest(in_coupon_ids, seqs) asked (id, seq)
  cross join lateral (select c.saga from coupons c where c.id = asked.id limit 1) coupon
  cross join lateral (select e.seq from event_cursors e where e.coupon_id = asked.id limit 1) cursor
  cross join lateral (
    select l.first_position, l.units from stock_ledger l
    where l.coupon_id = asked.id and l.seq > asked.seq and l.seq <= cursor.seq
    order by l.seq
  ) made
  where coupon.saga is not null and made.first_position is not null;
end
$$;

-- ---- Webhooks -----------------------------------------------------------------------------------------------------------

-- What the operator log records of a webhook: none of its secrets.
create function webhook_in_log(in_webhook webhooks) returns jsonb
language sql immutable as $$
  select jsonb_build_object(
    'webhook_id', in_webhook.id,
    'url', in_webhook.url,
    'events', in_webhook.events,
    'secret_count', cardinality(in_webhook.secrets)
  )
$$;

-- Creates a webhook once per idempotency key; the first one begins the relay. Every slice of the relay holds the row of its
-- duty, and here it is locked: a slice that has not seen the webhook is committed before created_at. 'key_reused': the key
-- stands for another request. 'too_many': there are in_webhooks_max already.
create function create_webhook(
  in_id uuid, in_url text, in_events text[], in_coupon_name text, in_secret text, in_idempotency_key text,
  in_webhooks_max integer, in_actor text, in_request_id text
) returns table (outcome text, webhook webhooks)
language plpgsql
set enable_seqscan = off
as $$
declare
  moment timestamptz;
  coupon bigint;
begin
  perform from duties d where d.name = 'event_relay' for update;
  select c.id into coupon from coupons c where c.name = in_coupon_name;
  select * into webhook from webhooks w where w.idempotency_key = in_idempotency_key;
  if found then
    outcome := case
      when webhook.url = in_url and webhook.events = in_events and webhook.coupon_id is not distinct from coupon
        and (coupon is null) = (in_coupon_name is null)
      then 'replayed'
      else 'key_reused'
    end;
    if current_setting('synchronous_standby_names') <> '' then
      -- Both answers rest on a row of another transaction. They are sent only when the standby has that row as well.
      perform pg_logical_emit_message(true, 'firstcome', '');
    end if;
  elsif coupon is null and in_coupon_name is not null then
    outcome := 'coupon_not_found';
  elsif (select count(*) from webhooks) >= in_webhooks_max then
    outcome := 'too_many';
  else
    outcome := 'created';
    perform begin_event_relay();
    moment := clock_timestamp();
    insert into webhooks (id, url, events, coupon_id, secrets, created_at, active_from, idempotency_key)
    values (in_id, in_url, in_events, coupon, array[in_secret], moment, moment, in_idempotency_key)
    returning * into webhook;
    insert into operator_log (at, actor, action, coupon_name, after, request_id)
    values (moment, in_actor, 'create_webhook', in_coupon_name, webhook_in_log(webhook), in_request_id);
  end if;
  return next;
end
$$;

-- Deletes a webhook; the last one ends the relay, unless a coupon has a saga. False: there is none. The lock is that of
-- create_webhook: no slice of the relay adds a delivery afterwards. Its deliveries are deleted after that, in slices.
create function delete_webhook(in_id uuid, in_actor text, in_request_id text) returns boolean
language plpgsql
set enable_seqscan = off
as $$
declare
  webhook webhooks%rowtype;
begin
  perform from duties d where d.name = 'event_relay' for update;
  delete from webhooks w where w.id = in_id returning * into webhook;
  if not found then
    return false;
  end if;
  delete from event_relay
  where not exists (select from webhooks) and not exists (select from coupons c where c.saga is not null);
  insert into operator_log (at, actor, action, coupon_name, before, request_id)
  values (
    clock_timestamp(), in_actor, 'delete_webhook', (select c.name from coupons c where c.id = webhook.coupon_id),
    webhook_in_log(webhook), in_request_id
  );
  return true;
end
$$;

-- Puts a new secret before the newest one, which goes on signing; an older one ends. Returns no row if there is no such webhook.
create function rotate_webhook_secret(in_id uuid, in_secret text, in_actor text, in_request_id text) returns setof webhooks
language plpgsql
set enable_seqscan = off
as $$
declare
  webhook webhooks%rowtype;
  logged_before jsonb;
begin
  select * into webhook from webhooks w where w.id = in_id for update;
  if not found then
    return;
  end if;
  logged_before := webhook_in_log(webhook);
  update webhooks w set secrets = in_secret || w.secrets[1:1] where w.id = in_id returning * into webhook;
  insert into operator_log (at, actor, action, coupon_name, before, after, request_id)
  values (
    clock_timestamp(), in_actor, 'rotate_webhook_secret', (select c.name from coupons c where c.id = webhook.coupon_id),
    logged_before, webhook_in_log(webhook), in_request_id
  );
  return next webhook;
end
$$;

-- Enables a disabled webhook: it gets what happens from now on, and nothing that happened before. Returns no row if there is no
-- such webhook; one that is active stays as it is. The lock is that of create_webhook: a slice of the relay that has seen it
-- disabled is committed before active_from.
create function enable_webhook(in_id uuid, in_actor text, in_request_id text) returns setof webhooks
language plpgsql
set enable_seqscan = off
as $$
declare
  moment timestamptz;
  webhook webhooks%rowtype;
  logged_before jsonb;
begin
  perform from duties d where d.name = 'event_relay' for update;
  select * into webhook from webhooks w where w.id = in_id for update;
  if not found then
    return;
  end if;
  if webhook.disabled_at is not null then
    moment := clock_timestamp();
    logged_before := webhook_in_log(webhook) || jsonb_build_object('disabled_reason', webhook.disabled_reason);
    update webhooks w
    set active_from = moment, disabled_at = null, disabled_reason = null, waits_until = null, failures_in_a_row = 0
    where w.id = in_id
    returning * into webhook;
    -- What the slice has added that was under way when the webhook was disabled.
    update webhook_deliveries d set state = 'G' where d.webhook_id = in_id and d.state = 'P';
    insert into operator_log (at, actor, action, coupon_name, before, after, request_id)
    values (
      moment, in_actor, 'enable_webhook', (select c.name from coupons c where c.id = webhook.coupon_id),
      logged_before, webhook_in_log(webhook), in_request_id
    );
  elsif current_setting('synchronous_standby_names') <> '' then
    -- The answer rests on a row of another transaction. It is sent only when the standby has that row as well.
    perform pg_logical_emit_message(true, 'firstcome', '');
  end if;
  return next webhook;
end
$$;

-- ---- Deliveries ---------------------------------------------------------------------------------------------------------

-- A due delivery with its event as the receiver gets it: the claim or the coupon as this change left it. state is that of the
-- coupon. asked_at: when it happened, or when an operator last asked for it. first_due_at: of the first pending delivery of the
-- page, with those under way.
create type due_event as (
  coupon_id bigint,
  seq bigint,
  n integer,
  attempts integer,
  asked_at timestamptz,
  first_due_at timestamptz,
  type text,
  at timestamptz,
  coupon_name text,
  amount integer,
  remaining_amount integer,
  state text,
  claim_id uuid,
  user_id text,
  "position" integer,
  claimed_at timestamptz,
  expires_at timestamptz,
  confirmed_at timestamptz,
  redeemed_at timestamptz,
  released_at timestamptz,
  reason text,
  saga_state text
);

-- The next due deliveries of a webhook, at most in_limit, in order of their becoming due from in_from on: at most one of each
-- claim, and none whose claim has an earlier event that is pending. Such a delivery is put off to when the earlier one is due,
-- which then comes first. Those under way are pending and are left out.
create function due_deliveries(
  in_webhook_id uuid, in_limit integer, in_from timestamptz, in_coupon_ids bigint[], in_seqs bigint[], in_ns integer[]
) returns setof due_event
language plpgsql
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
declare
  moment constant timestamptz := clock_timestamp();
  pending_max constant integer := in_limit + cardinality(in_ns);
  first_at timestamptz;
  is_later boolean;
  due webhook_deliveries[];
begin
  loop
    select min(p.due_at), bool_or(blocker.due_at > p.due_at),
      array_agg(p.delivery) filter (where blocker.due_at is null and not p.is_under_way)
    into first_at, is_later, due
    from (
      select d as delivery, d.coupon_id, d.seq, d.n, d.position, d.due_at,
        (d.coupon_id, d.seq, d.n) in (
          select u.coupon_id, u.seq, u.n from unnest(in_coupon_ids, in_seqs, in_ns) u (coupon_id, seq, n)
        ) as is_under_way
      from webhook_deliveries d
      where d.webhook_id = in_webhook_id and d.state = 'P' and d.due_at between in_from and moment
      order by d.due_at, d.coupon_id, d.seq, d.n
      limit pending_max
    ) p
    left join lateral (
      select b.due_at from webhook_deliveries b
      where not p.is_under_way and b.webhook_id = in_webhook_id and b.coupon_id = p.coupon_id and b.position = p.position
        and b.state = 'P' and (b.seq, b.n) < (p.seq, p.n)
      order by b.seq, b.n
      limit 1
    ) blocker on true;
    exit when is_later is not true;

    update webhook_deliveries d
    set due_at = earlier.due_at
    from (
      select page.seq, page.n, page.coupon_id, blocker.due_at
      from (
        select * from webhook_deliveries p
        where p.webhook_id = in_webhook_id and p.state = 'P' and p.due_at between in_from and moment
        order by p.due_at, p.coupon_id, p.seq, p.n
        limit pending_max
      ) page
      cross join lateral (
        select b.due_at from webhook_deliveries b
        where b.webhook_id = in_webhook_id and b.coupon_id = page.coupon_id and b.position = page.position
          and b.state = 'P' and (b.seq, b.n) < (page.seq, page.n)
        order by b.seq, b.n
        limit 1
      ) blocker
      where blocker.due_at > page.due_at
    ) earlier
    where d.webhook_id = in_webhook_id and d.coupon_id = earlier.coupon_id and d.seq = earlier.seq and d.n = earlier.n;
  end loop;

  -- From the ledger, from where the event was derived, and from the claim: its times after this change are left out.
  return query
    select d.coupon_id, d.seq, d.n, d.attempts, greatest(d.recorded_at, d.requested_at), first_at, d.type,
      ledger.recorded_at, coupon.name,
      case when d.position is null then
        coupon.amount - coalesce(
          (
            select sum(l.units) from stock_ledger l
            where l.coupon_id = d.coupon_id and l.seq > d.seq and l.kind = 'stock_added'
          ),
          0
        )::integer
      end,
      ledger.remaining_after,
      case ledger.kind
        when 'opened' then 'open'
        when 'closed' then 'closed'
        else coupon_state(coupon.opens_at, coupon.closes_at, coupon.paused, ledger.recorded_at)
      end,
      coalesce(claim.claim_id, released.claim_id), coalesce(claim.user_id, released.user_id), d.position,
      coalesce(claim.claimed_at, released.claimed_at),
      case
        when ledger.change is not null then null
        when coupon.saga is not null then 'infinity'
        else coalesce(claim.claimed_at, released.claimed_at) + make_interval(secs => coupon.hold_seconds)
      end,
      case when ledger.change is not null then coalesce(claim.confirmed_at, released.confirmed_at) end,
      case when ledger.change = 'U' then ledger.recorded_at end,
      case when ledger.change in ('R', 'E') then ledger.recorded_at end,
      case when ledger.change in ('R', 'E') then released.reason end,
      case
        when coupon.saga is null or ledger.change is null then null
        when ledger.change in ('R', 'E') then 'compensated'
        else 'done'
      end
    from (
      select * from unnest(due) u
      order by u.due_at, u.coupon_id, u.seq, u.n
      limit in_limit
    ) d
    cross join lateral (select * from coupons c where c.id = d.coupon_id limit 1) coupon
    cross join lateral (
      select l.recorded_at, l.kind, l.remaining_after, l.changes[d.n - l.units] as change
      from stock_ledger l
      where l.coupon_id = d.coupon_id and l.seq = d.seq
      limit 1
    ) ledger
    left join lateral (
      select c.claim_id, c.user_id, c.claimed_at, c.confirmed_at
      from claims c
      where c.coupon_id = d.coupon_id and c.position = d.position
      limit 1
    ) claim on true
    left join lateral (
      select r.claim_id, r.user_id, r.claimed_at, r.confirmed_at, r.reason
      from released_claims r
      where claim.claim_id is null and r.coupon_id = d.coupon_id and r.position between d.position and d.position
      order by r.position
      limit 1
    ) released on true
    order by d.due_at, d.coupon_id, d.seq, d.n;
end
$$;

-- Stores the results of attempts, and what became of the receiver. False: another process delivers to the webhook now, or it
-- is gone or disabled, and nothing was stored. Of a webhook that is disabled the next 10,000 deliveries are given up here, and
-- the rest in slices by end_old_deliveries: a statement for millions would never end in its time.
create function record_deliveries(
  in_webhook_id uuid, in_epoch bigint, in_coupon_ids bigint[], in_seqs bigint[], in_ns integer[], in_states "char"[],
  in_due_in_ms bigint[], in_statuses integer[], in_errors text[], in_failures integer, in_waits_ms bigint,
  in_disabled_reason text
) returns boolean
language plpgsql
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
declare
  moment constant timestamptz := clock_timestamp();
begin
  update webhooks w
  set failures_in_a_row = in_failures,
    waits_until = case when in_waits_ms > 0 then moment + in_waits_ms * interval '1 millisecond' end,
    disabled_at = case when in_disabled_reason is not null then moment end,
    disabled_reason = in_disabled_reason
  where w.id = in_webhook_id and w.epoch = in_epoch and w.disabled_at is null;
  if not found then
    return false;
  end if;
  update webhook_deliveries d
  set state = made.state, attempts = d.attempts + 1, last_attempt_at = moment, last_status = made.status,
    last_error = made.error, due_at = moment + made.due_in_ms * interval '1 millisecond'
  from unnest(in_coupon_ids, in_seqs, in_ns, in_states, in_due_in_ms, in_statuses, in_errors)
    made (coupon_id, seq, n, state, due_in_ms, status, error)
  where d.webhook_id = in_webhook_id and d.coupon_id = made.coupon_id and d.seq = made.seq and d.n = made.n;
  if in_disabled_reason is not null then
    update webhook_deliveries d
    set state = 'G'
    where d.ctid = any (
      array(
        select p.ctid from webhook_deliveries p
        where p.webhook_id = in_webhook_id and p.state = 'P'
        order by p.due_at, p.coupon_id, p.seq, p.n
        limit 10000
      )
    );
  end if;
  return true;
end
$$;

-- Ends deliveries by their age, under the lease of the relay: gives up those of receivers that rest now which are older than
-- in_give_up_after, and all of disabled webhooks; deletes those older than in_keep, pending ones only of deleted webhooks. Each
-- step looks at in_rows of a webhook at most, those that are due first or the oldest. Returns how many have ended, or null: the lease is not valid, and nothing was written.
create function end_old_deliveries(in_epoch bigint, in_give_up_after interval, in_keep interval, in_rows integer)
returns integer
language plpgsql
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
declare
  moment constant timestamptz := clock_timestamp();
  ended integer;
  ended_in_all integer := 0;
  last_id uuid := '00000000-0000-0000-0000-000000000000';
begin
  if not holds_duty('event_relay', in_epoch) then
    return null;
  end if;

  -- By row ids, so that no plan begins with the whole table. A row that was changed meanwhile has another one.
  update webhook_deliveries d
  set state = 'G', last_error = coalesce(d.last_error, given_up.error)
  from (
    select page.row_id,
      case when w.disabled_at is null then 'the receiver was away for too long' end as error
    from webhooks w
    cross join lateral (
      -- Of a backlog that was never tried the oldest is due first.
      select p.ctid as row_id, greatest(p.recorded_at, p.requested_at) as asked_at from webhook_deliveries p
      where p.webhook_id = w.id and p.state = 'P'
      order by p.due_at, p.coupon_id, p.seq, p.n
      limit in_rows
    ) page
    where w.disabled_at is not null or w.waits_until > moment and page.asked_at < moment - in_give_up_after
    limit in_rows
  ) given_up
  where d.ctid = given_up.row_id;
  get diagnostics ended_in_all = row_count;

  -- From one webhook to the next along the index, also of webhooks that are deleted.
  loop
    select d.webhook_id into last_id from webhook_deliveries d where d.webhook_id > last_id order by d.webhook_id limit 1;
    exit when not found;
    delete from webhook_deliveries d
    where d.ctid = any (
      array(
        select page.row_id
        from (
          select p.ctid as row_id, p.state from webhook_deliveries p
          where p.webhook_id = last_id and p.recorded_at < moment - in_keep
          order by p.recorded_at
          limit in_rows
        ) page
        where page.state <> 'P' or not exists (select from webhooks w where w.id = last_id)
      )
    );
    get diagnostics ended = row_count;
    ended_in_all := ended_in_all + ended;
    exit when ended_in_all >= in_rows;
  end loop;
  return ended_in_all;
end
$$;

-- ---- Jobs ---------------------------------------------------------------------------------------------------------------

-- A worker that runs jobs, and when its process last said so. The jobs of one that is silent are run by others.
create table job_workers (
  worker_id text collate "C" not null constraint job_workers_primary_key primary key,
  seen_at timestamptz not null
)
with (fillfactor = 50);
