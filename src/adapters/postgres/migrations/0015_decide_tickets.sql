-- why: a claim can wait in a queue for its decision, and its ticket shows what became of it
-- compatible: yes

alter table operator_log
  drop constraint operator_log_action_known,
  add constraint operator_log_action_known check (
    action in (
      'create_coupon', 'change_coupon', 'archive_coupon', 'unarchive_coupon', 'add_stock', 'release_claim',
      'create_webhook', 'delete_webhook', 'rotate_webhook_secret', 'enable_webhook', 'retry_saga',
      'resolve_saga', 'redrive_dead_letter', 'discard_dead_letter'
    )
  );

insert into duties (name) values ('ticket_retention');

-- The secret under which every node signs the ids of tickets. Created by the first node that needs it.
create table ticket_secret (
  secret bytea not null,
  only_row boolean not null default true
    constraint ticket_secret_primary_key primary key
    constraint ticket_secret_only_row_is_true check (only_row)
);

-- The final states of tickets. A ticket has no row before, and its row never changes; the first writer wins. claim_id is the
-- id under which the claim was sent. Its ids grow with the time, so a new row goes to the end of the only index.
create table tickets (
  claim_id uuid not null constraint tickets_primary_key primary key,
  accepted_at timestamptz not null,
  decided_at timestamptz not null,
  -- The outcome of the decision, or that there was none: 'ticket_expired', 'ticket_failed'.
  outcome text collate "C" not null constraint tickets_outcome_known check (
    outcome in (
      'claimed', 'replayed', 'already_claimed', 'claim_released', 'hold_expired', 'coupon_not_found', 'not_open', 'paused',
      'closed', 'sold_out', 'claim_limit_reached', 'ticket_expired', 'ticket_failed'
    )
  ),
  -- The claim of the outcome, as it was at the decision; null where the outcome has none. held_claim_id is null where it is
  -- the claim that this ticket has won.
  coupon_id bigint,
  user_id text collate "C",
  "position" integer,
  claimed_at timestamptz,
  held_claim_id uuid,
  expires_at timestamptz,
  confirmed_at timestamptz,
  redeemed_at timestamptz,
  released_at timestamptz,
  reason text,
  saga_state text,
  -- Only with 'not_open'.
  opens_at timestamptz,
  opens_in_seconds integer,
  -- Only with 'ticket_failed': JSON of TicketProblem.
  problem jsonb
);

-- What became of the ticket of one command, or of a run of them, as in claim_decision_2.
create type ticket_decision as (
  outcome text,
  claims integer,
  claim_id uuid,
  position integer,
  claimed_at timestamptz,
  opens_at timestamptz,
  opens_in_seconds integer,
  expires_at timestamptz,
  confirmed_at timestamptz,
  redeemed_at timestamptz,
  released_at timestamptz,
  reason text,
  saga_state text,
  problem jsonb
);

create function ticket_time(in_ms bigint) returns timestamptz language sql immutable parallel safe as $$
  select to_timestamp(in_ms / 1000::double precision)
$$;

-- What a decision function decided of a claim, as it is stored. A coupon without a further position decides nothing.
create function ticket_outcome(in_outcome text) returns text language sql immutable parallel safe as $$
  select case in_outcome when 'no_position' then 'ticket_failed' else in_outcome end
$$;

create function ticket_problem(in_outcome text) returns jsonb language sql immutable parallel safe as $$
  select case in_outcome when 'no_position'
    then '{"code": "unavailable", "detail": "the coupon has given out its last position"}'::jsonb
  end
$$;

-- An answer may rest on rows of other transactions only. With a commit of our own it waits for the standby as well;
-- otherwise a failover could lose a final state that was shown.
create function wait_for_standby() returns void language plpgsql as $$
begin
  if current_setting('synchronous_standby_names') <> '' then
    perform pg_logical_emit_message(true, 'firstcome', '');
  end if;
end
$$;

-- Stores the decisions of tickets in their order, one row for each ticket. in_decisions has one for each, or a single run for
-- all. Where a ticket has a row by now it raises unique_violation: its final state was stored meanwhile, so nothing of this
-- transaction may count.
create function store_tickets(
  in_coupon_id bigint, in_at timestamptz, in_decisions claim_decision_2[], in_user_ids text[], in_claim_ids uuid[],
  in_accepted_ms bigint[]
) returns void language plpgsql as $$
declare
  size constant integer := cardinality(in_claim_ids);
  decisions claim_decision_2[] := in_decisions;
begin
  if cardinality(decisions) = 1 then
    decisions := array_fill(decisions[1], array[size]);
  elsif cardinality(decisions) <> size then
    raise 'there are % decisions for % tickets', cardinality(decisions), size;
  end if;
  insert into tickets
    (claim_id, accepted_at, decided_at, outcome, coupon_id, user_id, position, claimed_at, held_claim_id, expires_at,
     confirmed_at, redeemed_at, released_at, reason, saga_state, opens_at, opens_in_seconds, problem)
  select made.sent_claim_id, ticket_time(made.accepted_ms), in_at, ticket_outcome(made.outcome),
    case when made.position is not null then in_coupon_id end, case when made.position is not null then made.user_id end,
    made.position + case when made.claims > 1 then made.place - 1 else 0 end, made.claimed_at, made.claim_id,
    made.expires_at, made.confirmed_at, made.redeemed_at, made.released_at, made.reason, made.saga_state, made.opens_at,
    made.opens_in_seconds, ticket_problem(made.outcome)
  from rows from (unnest(decisions), unnest(in_claim_ids), unnest(in_accepted_ms), unnest(in_user_ids))
    with ordinality made (
      outcome, claims, claim_id, "position", claimed_at, opens_at, opens_in_seconds, expires_at, confirmed_at, redeemed_at,
      released_at, reason, last_claim, announced_seq, change, changed_position, saga_state, sent_claim_id, accepted_ms,
      user_id, place
    );
end
$$;

-- Decides a batch of claims with tickets in its order, and stores the final state of each ticket in the same transaction.
-- Returns the decisions in that order, one row for each run of claims with the same one. A ticket that has a final state
-- gets that one, and one past its time 'ticket_expired'; nothing is decided for them. claim_batch_2 decides all others. The
-- claims may come again, after a lost answer or in another batch: the rows of their tickets answer them. When another session
-- stores one of these tickets meanwhile, the call fails with unique_violation and can be repeated at once.
-- in_retention_seconds: a ticket accepted longer ago may have lost its row, so none is stored for it. in_differ: no user
-- and no claim is in the batch twice.
create function claim_tickets(
  in_batch_id uuid, in_coupon_name text, in_user_ids text[], in_claim_ids uuid[], in_idempotency_keys text[],
  in_accepted_ms bigint[], in_expires_seconds integer, in_retention_seconds integer, in_differ boolean
) returns setof ticket_decision
language plpgsql
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
  size constant integer := cardinality(in_claim_ids);
  coupon record;
  moment timestamptz;
  expired_ms bigint;
  stored uuid[];
  places bigint[];
  user_ids text[] := in_user_ids;
  claim_ids uuid[] := in_claim_ids;
  keys text[] := in_idempotency_keys;
  accepted_ms bigint[] := in_accepted_ms;
  decisions claim_decision_2[];
begin
  -- The lock comes first: no other batch of this coupon can store one of these tickets any more.
  select c.id, c.decided_at into coupon from coupons c where c.name = in_coupon_name for update;
  moment := greatest(clock_timestamp(), coupon.decided_at);
  expired_ms := floor(extract(epoch from moment) * 1000)::bigint - in_expires_seconds * 1000::bigint;
  stored := array(select t.claim_id from tickets t where t.claim_id = any (in_claim_ids));
  if cardinality(stored) > 0 or expired_ms >= any (in_accepted_ms)
    or not in_differ and (select count(distinct id) from unnest(in_claim_ids) id) < size
  then
    places := array(
      select first.place
      from (
        select distinct on (asked.claim_id) asked.*
        from unnest(in_claim_ids, in_accepted_ms) with ordinality asked (claim_id, accepted_ms, place)
        order by asked.claim_id, asked.place
      ) first
      where first.accepted_ms > expired_ms and first.claim_id <> all (stored)
      order by first.place
    );
    user_ids := array(select in_user_ids[place] from unnest(places) place);
    claim_ids := array(select in_claim_ids[place] from unnest(places) place);
    keys := array(select in_idempotency_keys[place] from unnest(places) place);
    accepted_ms := array(select in_accepted_ms[place] from unnest(places) place);
  end if;

  if cardinality(claim_ids) > 0 then
    if coupon.id is null then
      decisions := array[
        row('coupon_not_found', cardinality(claim_ids), null, null, null, null, null, null, null, null, null, null, null, null,
          null, null, null)::claim_decision_2
      ];
    else
      decisions := array(
        select decision from claim_batch_2(in_batch_id, in_coupon_name, user_ids, claim_ids, keys, in_differ) decision
      );
    end if;
    perform store_tickets(coupon.id, moment, decisions, user_ids, claim_ids, accepted_ms);
  end if;
  if places is null then
    return query
      select ticket_outcome(d.outcome), d.claims, d.claim_id, d.position, d.claimed_at, d.opens_at, d.opens_in_seconds,
        d.expires_at, d.confirmed_at, d.redeemed_at, d.released_at, d.reason, d.saga_state, ticket_problem(d.outcome)
      from unnest(decisions) d;
    return;
  end if;

  insert into tickets (claim_id, accepted_at, decided_at, outcome)
  select distinct asked.claim_id, ticket_time(asked.accepted_ms), moment, 'ticket_expired'
  from unnest(in_claim_ids, in_accepted_ms) asked (claim_id, accepted_ms)
  where asked.accepted_ms <= expired_ms and asked.claim_id <> all (stored)
    and ticket_time(asked.accepted_ms) > moment - make_interval(secs => in_retention_seconds);
  perform wait_for_standby();
  return query
    select coalesce(t.outcome, 'ticket_expired'), 1, t.held_claim_id, t.position, t.claimed_at, t.opens_at,
      t.opens_in_seconds, t.expires_at, t.confirmed_at, t.redeemed_at, t.released_at, t.reason, t.saga_state, t.problem
    from unnest(in_claim_ids) with ordinality asked (id, place)
    left join lateral (select * from tickets x where x.claim_id = asked.id limit 1) t on true
    order by asked.place;
end
$$;

-- The final states that are stored of these tickets, with the coupon of the claim.
create function find_tickets(in_claim_ids uuid[]) returns table (ticket tickets, coupon_name text)
language plpgsql
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
begin
  return query
    select t.found, c.name
    from unnest(in_claim_ids) asked (id)
    cross join lateral (select x as found from tickets x where x.claim_id = asked.id limit 1) t
    left join lateral (select c.name from coupons c where c.id = (t.found).coupon_id limit 1) c on true;
  if found then
    perform wait_for_standby();
  end if;
end
$$;

-- Stores a final state without a decision, unless there is one. None is stored for a ticket past the retention.
create function end_ticket(
  in_claim_id uuid, in_accepted_ms bigint, in_outcome text, in_problem jsonb, in_retention_seconds integer
) returns void
language plpgsql
set enable_seqscan = off
as $$
begin
  if ticket_time(in_accepted_ms) > clock_timestamp() - make_interval(secs => in_retention_seconds) then
    insert into tickets (claim_id, accepted_at, decided_at, outcome, problem)
    values (in_claim_id, ticket_time(in_accepted_ms), clock_timestamp(), in_outcome, in_problem)
    on conflict do nothing;
  end if;
end
$$;

-- What becomes of a ticket: 'gone' past its retention, else 'final' with its row, else 'accepted'. One past its time without
-- a row is stored as expired first, so it cannot win afterwards.
create function read_ticket(
  in_claim_id uuid, in_accepted_ms bigint, in_expires_seconds integer, in_retention_seconds integer
) returns table (standing text, ticket tickets, coupon_name text)
language plpgsql
set enable_seqscan = off
as $$
declare
  age constant interval := clock_timestamp() - ticket_time(in_accepted_ms);
  stored record;
begin
  if age >= make_interval(secs => in_retention_seconds) then
    standing := 'gone';
    return next;
    return;
  end if;
  standing := 'final';
  for attempt in 1..2 loop
    select * into stored from find_tickets(array[in_claim_id]);
    if found then
      ticket := stored.ticket;
      coupon_name := stored.coupon_name;
      return next;
      return;
    elsif age < make_interval(secs => in_expires_seconds) then
      standing := 'accepted';
      return next;
      return;
    end if;
    perform end_ticket(in_claim_id, in_accepted_ms, 'ticket_expired', null, in_retention_seconds);
  end loop;
end
$$;

-- Deletes tickets past their retention among the next in_slice ones after in_after, under the lease of its duty. It walks
-- along the ids, whose first 48 bits are the time of a node in milliseconds, up to those that this time keeps; accepted_at
-- decides. last_id is null at the end. If the lease is not valid, is_held is false and nothing is deleted.
create function delete_old_tickets(in_epoch bigint, in_after uuid, in_retention_seconds integer, in_slice integer)
returns table (is_held boolean, deleted integer, last_id uuid)
language plpgsql
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
  kept_from constant timestamptz := clock_timestamp() - make_interval(secs => in_retention_seconds);
  first_kept constant uuid :=
    (lpad(to_hex(floor(extract(epoch from kept_from) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;
  walk record;
begin
  is_held := holds_duty('ticket_retention', in_epoch);
  if is_held then
    select array_agg(w.row_id) filter (where w.accepted_at <= kept_from) as row_ids,
      case when count(*) = in_slice then (array_agg(w.claim_id order by w.claim_id desc))[1] end as last_id
    into walk
    from (
      select t.ctid as row_id, t.claim_id, t.accepted_at from tickets t
      where t.claim_id > in_after and t.claim_id < first_kept
      order by t.claim_id
      limit in_slice
    ) w;
    delete from tickets t where t.ctid = any (walk.row_ids);
    get diagnostics deleted = row_count;
    last_id := walk.last_id;
  end if;
  return next;
end
$$;

-- The secret that signs the ids of tickets. The first call stores the one that it is given.
create function keep_ticket_secret(in_secret bytea) returns bytea
language plpgsql as $$
declare
  kept bytea;
begin
  insert into ticket_secret (secret) values (in_secret) on conflict do nothing;
  select s.secret into kept from ticket_secret s;
  perform wait_for_standby();
  return kept;
end
$$;
