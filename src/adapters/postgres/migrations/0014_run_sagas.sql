-- why: a claim can be the first step of a saga, which confirms it at its end or undoes what was done and releases it
-- compatible: yes

alter table operator_log
  drop constraint operator_log_action_known,
  add constraint operator_log_action_known check (
    action in (
      'create_coupon', 'change_coupon', 'archive_coupon', 'unarchive_coupon', 'add_stock', 'release_claim',
      'create_webhook', 'delete_webhook', 'rotate_webhook_secret', 'enable_webhook', 'retry_saga',
      'resolve_saga'
    )
  );

-- The steps of a saga by their version: JSON of SagaDefinition. A running saga keeps its version, whatever SAGAS_FILE says.
create table saga_definitions (
  name text collate "C" not null,
  version text collate "C" not null,
  definition jsonb not null,
  constraint saga_definitions_primary_key primary key (name, version)
);

-- The saga of a claim. The relay inserts it from the ledger row of the claim, or the call that asks for its undo before that.
create table sagas (
  saga_id uuid not null constraint sagas_primary_key primary key,
  coupon_id bigint not null,
  position integer not null,
  claim_id uuid not null,
  user_id text collate "C" not null,
  name text collate "C" not null,
  -- Null: no step was ever called.
  version text collate "C",
  -- R running, C compensating, A needs attention, D done, X compensated.
  state "char" not null default 'R'
    constraint sagas_state_known check (state in ('R', 'C', 'A', 'D', 'X')),
  -- Which way it goes, also while it needs attention.
  is_undoing boolean not null default false,
  -- The step that is run or undone next, from 1. One more than there are steps: all are run. 0: all are undone.
  step integer not null default 1,
  -- Failed calls of this step and direction.
  attempts integer not null default 0,
  -- While running or compensating: when it goes on.
  due_at timestamptz not null,
  -- Rises with each process that takes it. A write under an older epoch is refused.
  epoch bigint not null default 0,
  -- Sagas of one shard are advanced by one process at a time.
  shard smallint not null,
  started_at timestamptz not null,
  deadline_at timestamptz not null,
  ended_at timestamptz,
  -- Why it is undone or needs attention.
  cause text,
  -- An operator has asked for the undo, and how the claim is to be released then.
  undo_asked_at timestamptz,
  undo_reason text,
  undo_is_final boolean not null default false,
  -- How an operator has last resolved it: as done (D) or as compensated (X).
  resolved_as "char"
    constraint sagas_resolved_as_known check (resolved_as in ('D', 'X')),
  constraint sagas_one_per_claim unique (coupon_id, position)
)
-- Room on its page for each step.
with (fillfactor = 70);
alter table sagas alter column coupon_id set (n_distinct = 1);
-- Neither has saga_id itself: where statistics say that the table is empty, they would serve a look-up of an id as well as its
-- key, and walk all of it.
create index sagas_due on sagas (shard, due_at) where state in ('R', 'C');
create index sagas_by_state on sagas (state, started_at, (saga_id::text collate "C"));

-- What became of each step of a saga. A step without a row is pending.
create table saga_steps (
  saga_id uuid not null,
  step integer not null,
  -- P called but not ended, D done, N declined, Q unknown, U undone.
  state "char" not null
    constraint saga_steps_state_known check (state in ('P', 'D', 'N', 'Q', 'U')),
  attempts integer not null,
  last_status integer,
  last_error text,
  changed_at timestamptz not null,
  constraint saga_steps_primary_key primary key (saga_id, step)
)
with (fillfactor = 70);

-- The sagas of the claims at in_units positions from in_first_position on, of a coupon with a saga. One that exists stays as
-- it is. In order of position, so that two calls cannot wait for each other.
create function begin_sagas(in_coupon_id bigint, in_first_position integer, in_units integer) returns void
language plpgsql
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
begin
  insert into sagas
    (saga_id, coupon_id, position, claim_id, user_id, name, due_at, shard, started_at, deadline_at)
  select saga_id_of(made.claim_id), in_coupon_id, made.position, made.claim_id, made.user_id, coupon.saga, made.claimed_at,
    saga_shard_of(made.claim_id), made.claimed_at, made.claimed_at + make_interval(secs => coupon.hold_seconds)
  from (select c.saga, c.hold_seconds from coupons c where c.id = in_coupon_id limit 1) coupon
  cross join lateral (
    select c.position, c.claim_id, c.user_id, c.claimed_at from claims c
    where c.coupon_id = in_coupon_id
      and c.position between in_first_position and in_first_position::bigint + in_units - 1
    order by c.position
  ) made
  on conflict do nothing;
end
$$;

-- A state of a saga as callers meet it.
create function saga_state_name(in_state "char") returns text language sql immutable parallel safe as $$
  select case in_state
    when 'R' then 'running'
    when 'C' then 'compensating'
    when 'A' then 'needs_attention'
    when 'D' then 'done'
    when 'X' then 'compensated'
  end
$$;

-- ---- Decisions about claims with a saga ---------------------------------------------------------------------------------
-- Parts of decide_batch, with the coupon's row locked. Only under that lock does a saga become done or compensated, or one
-- that is done become another.

-- The state of the saga of a claim, as its body shows it. One that the relay has not begun yet runs.
create function saga_state_of(in_coupon_id bigint, in_claim claim_decision_2) returns text
language plpgsql as $$
declare
  state "char";
begin
  if in_claim.released_at is not null then
    return 'compensated';
  end if;
  select s.state into state from sagas s where s.coupon_id = in_coupon_id and s.position = in_claim.position;
  return case
    when state in ('C', 'A') then saga_state_name(state)
    when in_claim.expires_at is null then 'done'
    else 'running'
  end;
end
$$;

-- Locks the sagas that a batch may change, in order of their ids. Every statement that locks several of them has this order,
-- so that none waits for another in a circle. Before that it begins those whose undo operators ask for: in order of position,
-- as the relay does.
create function lock_sagas(
  in_coupon_id bigint, in_kinds text[], in_user_ids text[], in_claim_ids uuid[], in_may_release_confirmed boolean[],
  in_saga_epochs bigint[]
) returns void language plpgsql as $$
declare
  asked_claims constant uuid[] := array(
    select coalesce(asked.claim_id, live.claim_id)
    from unnest(in_kinds, in_user_ids, in_claim_ids, in_saga_epochs) asked (kind, user_id, claim_id, epoch)
    left join lateral (
      select c.claim_id from claims c
      where c.coupon_id = in_coupon_id and c.user_id between asked.user_id and asked.user_id order by c.user_id limit 1
    ) live on true
    where asked.kind = 'release' or asked.epoch is not null
  );
begin
  if cardinality(asked_claims) < 2 then
    return;
  end if;
  perform begin_sagas(in_coupon_id, live.position, 1)
  from (
    select c.position
    from unnest(in_kinds, in_user_ids, in_claim_ids, in_may_release_confirmed) asked (kind, user_id, claim_id, may_undo)
    cross join lateral (
      select c.position, c.claim_id from claims c
      where c.coupon_id = in_coupon_id and c.user_id between asked.user_id and asked.user_id order by c.user_id limit 1
    ) c
    where asked.kind = 'release' and asked.may_undo and coalesce(c.claim_id = asked.claim_id, true)
    order by c.position
  ) live;
  perform from sagas s
  where s.saga_id = any (array(select saga_id_of(id) from unnest(asked_claims) id))
  order by s.saga_id
  for update;
end
$$;

-- Decides a confirm or release that the saga of the claim sends. Its epoch says that no other process advances it; whether
-- the claim may change follows from where the saga is. 'saga_moved': the process knows an earlier state of it.
create function change_of_saga(
  in_coupon coupons, in_at timestamptz, in_may_return boolean, in_change claim_change
) returns claim_decision_2 language plpgsql as $$
declare
  saga sagas%rowtype;
  row_id tid;
  live claims%rowtype;
  decision claim_decision_2;
begin
  decision.outcome := 'saga_moved';
  decision.claims := 1;
  select * into saga from sagas s where s.saga_id = saga_id_of(in_change.claim_id) for update;
  if saga.epoch is distinct from in_change.saga_epoch or saga.coupon_id <> in_coupon.id then
    return decision;
  end if;
  if saga.state = 'X' then
    if in_change.kind = 'release' then
      decision := decision_on_released('unchanged', last_released(in_coupon.id, saga.user_id, saga.claim_id));
      decision.saga_state := 'compensated';
    end if;
    return decision;
  end if;
  select c.ctid into row_id from claims c
  where c.coupon_id = in_coupon.id and c.position between saga.position and saga.position
  order by c.position limit 1;
  select * into live from claims c where c.ctid = row_id;

  if in_change.kind = 'confirm' and (
    saga.state = 'D' or saga.state = 'R' and not saga.is_undoing and saga.undo_asked_at is null
  ) then
    decision := decision_on_live('unchanged', live, (
      select r.redeemed_at from redemptions r where r.coupon_id = in_coupon.id and r.user_id = live.user_id
    ));
    if live.expires_at is not null then
      update claims c set expires_at = null, confirmed_at = in_at where c.ctid = row_id;
      decision.outcome := 'changed';
      decision.expires_at := null;
      decision.confirmed_at := in_at;
      decision.change := 'C';
      decision.changed_position := live.position;
    end if;
    if saga.state = 'R' then
      update sagas s set state = 'D', ended_at = in_at where s.saga_id = saga.saga_id;
    end if;
    decision.saga_state := 'done';
  elsif in_change.kind = 'release' and saga.state = 'C' and saga.is_undoing and saga.step = 0 then
    if not in_may_return then
      decision.outcome := 'announced';
      decision.announced_seq := announcement_now(in_coupon, in_at);
      return decision;
    end if;
    perform release_rows(array[row_id], in_at, coalesce(saga.undo_reason, 'saga'), saga.undo_is_final);
    update sagas s set state = 'X', ended_at = in_at where s.saga_id = saga.saga_id;
    decision := decision_on_released('changed', last_released(in_coupon.id, saga.user_id, saga.claim_id));
    decision.change := 'R';
    decision.changed_position := live.position;
    decision.saga_state := 'compensated';
  end if;
  return decision;
end
$$;

-- Decides what any other caller asks of a live claim with a saga, where the saga decides it: until it is done, and a release
-- by an operator, which asks it for its undo. A null outcome: the claim is changed as one without a saga.
create function change_beside_saga(in_coupon coupons, in_at timestamptz, in_claim claims, in_change claim_change)
returns claim_decision_2 language plpgsql as $$
declare
  is_release constant boolean := in_change.kind = 'release' and in_change.may_release_confirmed;
  saga sagas%rowtype;
  decision claim_decision_2;
  logged jsonb;
begin
  if is_release then
    perform begin_sagas(in_coupon.id, in_claim.position, 1);
    select * into saga from sagas s where s.coupon_id = in_coupon.id and s.position = in_claim.position for update;
  else
    select * into saga from sagas s where s.coupon_id = in_coupon.id and s.position = in_claim.position;
  end if;
  if saga.state = 'D' and (
    not is_release
    or exists (select from redemptions r where r.coupon_id = in_coupon.id and r.user_id = in_claim.user_id)
  ) then
    return decision;
  end if;
  decision := decision_on_live('saga_running', in_claim, null);
  if not is_release then
    return decision;
  end if;
  decision.outcome := 'undo_requested';
  if saga.undo_asked_at is not null and saga.state in ('R', 'C') and (saga.undo_is_final or not in_change.is_final)
    and (in_change.reason is null or in_change.reason is not distinct from saga.undo_reason)
  then
    return decision;
  end if;
  decision.saga_state := saga_state_of(in_coupon.id, decision);
  logged := claim_in_json(in_claim.user_id, decision);
  update sagas s
  set undo_asked_at = coalesce(s.undo_asked_at, in_at), undo_reason = coalesce(in_change.reason, s.undo_reason),
    undo_is_final = s.undo_is_final or in_change.is_final, due_at = clock_timestamp(), ended_at = null,
    cause = case when s.state = 'D' then 'an operator has asked for the undo' else s.cause end,
    -- One that runs goes on until its process sees this: the call that is under way may still do its step.
    state = case s.state when 'R' then s.state else 'C' end, is_undoing = s.state <> 'R',
    attempts = case when s.state in ('A', 'D') then 0 else s.attempts end,
    resolved_as = case when s.state <> 'D' then s.resolved_as end,
    -- What a process has sent late, from before it stopped, is not stored.
    epoch = s.epoch + case when s.state in ('A', 'D') then 1 else 0 end
  where s.saga_id = saga.saga_id;
  decision.saga_state := saga_state_of(in_coupon.id, decision);
  perform log_release(in_coupon.name, in_at, in_change, logged, decision);
  return decision;
end
$$;

-- The id of a claim with version 8 in place of its own (RFC 9562, 5.8).
create function saga_id_of(in_claim_id uuid) returns uuid language sql immutable as $$
  select overlay(in_claim_id::text placing '8' from 15 for 1)::uuid
$$;

-- The sixteenth of all sagas that this one belongs to. The last hexadecimal digit of a claim id is random.
create function saga_shard_of(in_claim_id uuid) returns smallint language sql immutable as $$
  select (strpos('0123456789abcdef', right(in_claim_id::text, 1)) - 1)::smallint
$$;

-- ---- Run ----------------------------------------------------------------------------------------------------------------

-- The shards from 0 to in_last that have a saga which is due.
create function due_saga_shards(in_last integer) returns setof integer
language plpgsql
set enable_seqscan = off
set enable_bitmapscan = off
set plan_cache_mode = force_generic_plan
as $$
begin
  for number in 0..in_last loop
    -- In the order of the index: one entry is read.
    perform from sagas s
    where s.shard = number::smallint and s.state in ('R', 'C') and s.due_at <= clock_timestamp()
    order by s.due_at
    limit 1;
    if found then
      return next number;
    end if;
  end loop;
end
$$;

-- Takes the next due sagas of a shard, at most in_limit, but for those of in_under_way: ends the right of every earlier
-- process to write, and gives those that have no version that of in_versions, where a step may still be called. Leaves out
-- sagas without a version whose name is not in in_names, while a step could be called. A row that is locked comes later.
create function take_sagas(
  in_shard smallint, in_limit integer, in_under_way uuid[], in_names text[], in_versions text[]
) returns table (
  saga_id uuid, epoch bigint, name text, version text, claim_id uuid, coupon_name text, user_id text, "position" integer,
  claimed_at timestamptz, is_undoing boolean, step integer, attempts integer, ms_to_deadline bigint, is_undo_asked boolean
)
language plpgsql
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
declare
  moment constant timestamptz := clock_timestamp();
  due uuid[];
begin
  due := array(
    select s.saga_id from sagas s
    where s.shard = in_shard and s.state in ('R', 'C') and s.due_at <= moment
      and s.saga_id <> all (in_under_way)
      and (
        s.version is not null or s.name = any (in_names) or s.is_undoing or s.undo_asked_at is not null
        or s.deadline_at <= moment
      )
    order by s.due_at
    limit in_limit
    for update skip locked
  );

  return query
    with taken as (
      -- No index names these columns, so the row stays in its page and in the indexes.
      update sagas s
      set epoch = s.epoch + 1,
        version = case
          when s.version is null and not s.is_undoing and s.undo_asked_at is null and s.deadline_at > moment
          then in_versions[array_position(in_names, s.name)]
          else s.version
        end
      -- By row ids, so that no plan begins with the whole table. The rows are locked, so these stay.
      from unnest(due) found (id)
      cross join lateral (select x.ctid as row_id from sagas x where x.saga_id = found.id limit 1) held
      where s.ctid = held.row_id
      returning s.*
    )
    select t.saga_id, t.epoch, t.name, t.version, t.claim_id, c.name, t.user_id, t.position, t.started_at, t.is_undoing,
      t.step, t.attempts, floor(extract(epoch from t.deadline_at - moment) * 1000)::bigint, t.undo_asked_at is not null
    from taken t
    cross join lateral (select x.name from coupons x where x.id = t.coupon_id limit 1) c
    order by t.due_at;
end
$$;

-- Stores how sagas go on, each with the step that has ended; in_steps is null where none has. Returns a row for each saga
-- whose epoch counts: its place in the arrays, from 1, and whether its undo is asked for. Nothing is stored of the others,
-- which another process advances. No saga may be there twice. Locks them in order of their ids, so that two calls cannot wait
-- for each other. A saga that goes on at once stays due as it is, so that no index changes.
create function record_sagas(
  in_saga_ids uuid[], in_epochs bigint[], in_states "char"[], in_are_undoing boolean[], in_next_steps integer[],
  in_attempts integer[], in_due_in_ms bigint[], in_causes text[], in_steps integer[], in_step_states "char"[],
  in_step_attempts integer[], in_statuses integer[], in_errors text[]
) returns table (place bigint, is_undo_asked boolean)
language plpgsql
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
declare
  moment constant timestamptz := clock_timestamp();
begin
  perform
  from (select id from unnest(in_saga_ids) id order by id) asked
  cross join lateral (select from sagas x where x.saga_id = asked.id for update) locked;

  return query
    with made as materialized (
      select *
      from unnest(
        in_saga_ids, in_epochs, in_states, in_are_undoing, in_next_steps, in_attempts, in_due_in_ms, in_causes, in_steps,
        in_step_states, in_step_attempts, in_statuses, in_errors
      ) with ordinality made (
        saga_id, epoch, state, is_undoing, next_step, attempts, due_in_ms, cause, step, step_state, step_attempts, status,
        error, place
      )
    ),
    held as (
      update sagas s
      set state = made.state, is_undoing = made.is_undoing, step = made.next_step, attempts = made.attempts,
        cause = coalesce(made.cause, s.cause),
        due_at = case
          when made.due_in_ms <= 0 and s.due_at <= moment then s.due_at
          else moment + made.due_in_ms * interval '1 millisecond'
        end
      from made
      cross join lateral (
        select x.ctid as row_id from sagas x
        where x.saga_id = made.saga_id and x.epoch = made.epoch and x.state in ('R', 'C')
        limit 1
      ) locked
      where s.ctid = locked.row_id
      returning made.place, s.undo_asked_at is not null as is_undo_asked, s.saga_id, made.step, made.step_state,
        made.step_attempts, made.status, made.error
    ),
    stored as (
      insert into saga_steps (saga_id, step, state, attempts, last_status, last_error, changed_at)
      select h.saga_id, h.step, h.step_state, h.step_attempts, h.status, h.error, moment from held h where h.step is not null
      on conflict on constraint saga_steps_primary_key do update
      set state = excluded.state, attempts = excluded.attempts, last_status = excluded.last_status,
        last_error = excluded.last_error, changed_at = excluded.changed_at
    )
    select h.place, h.is_undo_asked from held h;
end
$$;

-- ---- Operators ----------------------------------------------------------------------------------------------------------

-- A saga as an operator sees it, without its steps.
create type saga_view as (
  saga_id uuid,
  name text,
  version text,
  state text,
  coupon_name text,
  claim_id uuid,
  user_id text,
  "position" integer,
  started_at timestamptz,
  deadline_at timestamptz,
  ended_at timestamptz,
  next_attempt_at timestamptz,
  cause text
);

create function view_saga(in_saga sagas) returns saga_view
language plpgsql stable
set enable_seqscan = off
as $$
declare
  view saga_view;
begin
  select c.name into view.coupon_name from coupons c where c.id = in_saga.coupon_id;
  view.saga_id := in_saga.saga_id;
  view.name := in_saga.name;
  view.version := in_saga.version;
  view.state := saga_state_name(in_saga.state);
  view.claim_id := in_saga.claim_id;
  view.user_id := in_saga.user_id;
  view.position := in_saga.position;
  view.started_at := in_saga.started_at;
  view.deadline_at := in_saga.deadline_at;
  view.ended_at := in_saga.ended_at;
  view.next_attempt_at := case when in_saga.state in ('R', 'C') then in_saga.due_at end;
  view.cause := in_saga.cause;
  return view;
end
$$;

-- The steps of a saga in their order, by its version; null where it has none. One without a row is pending.
create function steps_of_saga(in_saga sagas) returns jsonb
language plpgsql stable
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
begin
  return (
    select jsonb_agg(
      jsonb_build_object(
        'name', defined.step ->> 'name',
        'participant', defined.step ->> 'participant',
        'state', coalesce(made.state, 'P'),
        'attempts', coalesce(made.attempts, 0),
        'last_status', made.last_status,
        'last_error', made.last_error,
        'changed_at', time_in_json(made.changed_at)
      )
      order by defined.number
    )
    from saga_definitions d
    cross join lateral jsonb_array_elements(d.definition -> 'steps') with ordinality defined (step, number)
    left join saga_steps made on made.saga_id = in_saga.saga_id and made.step = defined.number
    where d.name = in_saga.name and d.version = in_saga.version
  );
end
$$;

-- What the operator log records of a saga.
create function saga_in_log(in_saga sagas) returns jsonb language sql immutable as $$
  select jsonb_strip_nulls(jsonb_build_object(
    'saga_id', in_saga.saga_id,
    'saga', in_saga.name,
    'user_id', in_saga.user_id,
    'position', in_saga.position,
    'state', saga_state_name(in_saga.state),
    'step', in_saga.step,
    'cause', in_saga.cause,
    'resolved_as', saga_state_name(in_saga.resolved_as)
  ))
$$;

create function log_saga(
  in_action text, in_before sagas, in_after sagas, in_note text, in_actor text, in_request_id text
) returns void language plpgsql
set enable_seqscan = off
as $$
begin
  insert into operator_log (at, actor, action, coupon_name, before, after, reason, request_id)
  values (
    clock_timestamp(), in_actor, in_action, (select c.name from coupons c where c.id = in_after.coupon_id),
    saga_in_log(in_before), saga_in_log(in_after), in_note, in_request_id
  );
end
$$;

-- Lets a saga that needs attention go on where it stopped, with all of its attempts; of a step that is run, the one that says
-- that it was called counts. A process that knows it from before stores nothing more. The outcome is null, 'saga_not_found' or 'not_in_attention'.
create function retry_saga(in_saga_id uuid, in_actor text, in_request_id text) returns table (outcome text, saga sagas)
language plpgsql
set enable_seqscan = off
as $$
declare
  before sagas%rowtype;
begin
  select * into before from sagas s where s.saga_id = in_saga_id for update;
  if not found then
    outcome := 'saga_not_found';
  elsif before.state <> 'A' then
    outcome := 'not_in_attention';
  else
    update sagas s
    set state = case when s.is_undoing then 'C' else 'R' end,
      attempts = case when s.is_undoing then 0 else least(s.attempts, 1) end, due_at = clock_timestamp(), epoch = s.epoch + 1,
      cause = case when s.is_undoing then s.cause end
    where s.saga_id = in_saga_id
    returning * into saga;
    perform log_saga('retry_saga', before, saga, null, in_actor, in_request_id);
  end if;
  return next;
end
$$;

-- Ends a saga that needs attention, by what an operator knows: as done (D) it confirms its claim next, as compensated (X) it
-- releases it, without a further call. The same resolution again changes nothing. The outcomes are those of retry_saga.
create function resolve_saga(in_saga_id uuid, in_as "char", in_note text, in_actor text, in_request_id text)
returns table (outcome text, saga sagas)
language plpgsql
set enable_seqscan = off
as $$
declare
  before sagas%rowtype;
  steps integer;
begin
  select * into before from sagas s where s.saga_id = in_saga_id for update;
  if not found then
    outcome := 'saga_not_found';
  elsif before.state <> 'A' then
    if before.resolved_as = in_as then
      saga := before;
      if current_setting('synchronous_standby_names') <> '' then
        -- The answer rests on a row of another transaction. It is sent only when the standby has that row as well.
        perform pg_logical_emit_message(true, 'firstcome', '');
      end if;
    else
      outcome := 'not_in_attention';
    end if;
  else
    select jsonb_array_length(d.definition -> 'steps') into steps
    from saga_definitions d where d.name = before.name and d.version = before.version;
    if in_as = 'D' then
      update sagas s
      set state = 'R', is_undoing = false, step = coalesce(steps, 0) + 1, attempts = 0, due_at = clock_timestamp(),
        epoch = s.epoch + 1, cause = null, undo_asked_at = null, undo_reason = null, undo_is_final = false,
        resolved_as = in_as
      where s.saga_id = in_saga_id
      returning * into saga;
    else
      update sagas s
      set state = 'C', is_undoing = true, step = 0, attempts = 0, due_at = clock_timestamp(), epoch = s.epoch + 1,
        resolved_as = in_as
      where s.saga_id = in_saga_id
      returning * into saga;
    end if;
    perform log_saga('resolve_saga', before, saga, in_note, in_actor, in_request_id);
  end if;
  return next;
end
$$;
