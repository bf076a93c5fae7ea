-- why: a claim can be held for a time, confirmed, redeemed and released, and a returned unit is sold again exactly once
-- compatible: yes

-- ---- Tables -------------------------------------------------------------------------------------------------------------

alter table coupons
  -- How long a new claim is reserved; null: it is confirmed at once. It never changes, so holds expire in order of position.
  add column hold_seconds integer
    constraint coupons_hold_seconds_range check (hold_seconds between 1 and 2592000),
  -- How many claims one user may make in all, with those that were released.
  add column claims_per_user_max integer not null default 3
    constraint coupons_claims_per_user_range check (claims_per_user_max between 1 and 100),
  -- The saga that each claim is the first step of, a name in SAGAS_FILE. It never changes. Such a claim is reserved until its
  -- saga ends: its expires_at is infinity.
  add column saga text
    constraint coupons_saga_length check (char_length(saga) between 1 and 64)
    constraint coupons_saga_needs_hold check (saga is null or hold_seconds is not null),
  add column stock_low_at integer
    constraint coupons_stock_low_at_least_zero check (stock_low_at >= 0),
  add column title text
    constraint coupons_title_length check (char_length(title) <= 120),
  add column description text
    constraint coupons_description_length check (char_length(description) <= 2000),
  add column pause_reason text
    constraint coupons_pause_reason_length check (char_length(pause_reason) between 1 and 255),
  -- Units that came back, ever. The next position is amount - remaining_amount + returned_units + 1.
  add column returned_units bigint not null default 0
    constraint coupons_returned_units_at_least_zero check (returned_units >= 0),
  -- How often stock_announced was set by an announcement while it was not set, and when it was last announced.
  add column announcements bigint not null default 0,
  add column announced_at timestamptz,
  -- No claim up to this position is reserved any more.
  add column expiry_position integer not null default 0
    constraint coupons_expiry_position_at_least_zero check (expiry_position >= 0);

-- A claim with expires_at is reserved, one with a row in redemptions is redeemed, any other one is confirmed. A null costs no
-- byte, since a row has 8 columns. No index names the new columns, and a page keeps room: so a confirm touches no index.
alter table claims
  add column expires_at timestamptz,
  -- Only after a confirm.
  add column confirmed_at timestamptz;
alter table claims set (fillfactor = 90);

-- Claims that ended. They are moved here, so that claims has one row for each user and unit.
create table released_claims (
  coupon_id bigint not null,
  position integer not null,
  user_id text collate "C" not null,
  claim_id uuid not null,
  claimed_at timestamptz not null,
  idempotency_key text collate "C",
  confirmed_at timestamptz,
  released_at timestamptz not null,
  -- 'expired': the hold has expired.
  reason text
    constraint released_claims_reason_length check (char_length(reason) between 1 and 255),
  -- The user can never claim this coupon again.
  is_final boolean not null,
  constraint released_claims_primary_key primary key (coupon_id, position),
  constraint released_claims_one_per_user_and_position unique (coupon_id, user_id, position)
);
-- As for claims: one coupon may have all of them.
alter table released_claims alter column coupon_id set (n_distinct = 1);

-- A redeemed claim is never released, so its user has this one row for the coupon.
create table redemptions (
  coupon_id bigint not null,
  user_id text collate "C" not null,
  claim_id uuid not null,
  redeemed_at timestamptz not null,
  idempotency_key text collate "C",
  constraint redemptions_one_per_user primary key (coupon_id, user_id)
);
alter table redemptions alter column coupon_id set (n_distinct = 1);

-- A batch that changes claims has kind 'mixed'. Its units are the claims that it makes, 0 or more; remaining_after is what
-- was left before, less these, plus returned_units. changes says what became of the claim at the same place of
-- changed_positions: C confirmed, R released, E released because the hold had expired, U redeemed. A batch that only asks
-- sagas for their undo has no changes: its row keeps it from a commit after its void mark.
alter table stock_ledger
  add column returned_units integer,
  add column changed_positions integer[],
  add column changes "char"[],
  drop constraint stock_ledger_kind_known,
  add constraint stock_ledger_kind_known
    check (kind in ('grant', 'stock_added', 'claimed', 'void', 'mixed')),
  drop constraint stock_ledger_units_match_kind,
  add constraint stock_ledger_units_match_kind
    check (case kind when 'void' then units = 0 when 'mixed' then units >= 0 else units >= 1 end),
  drop constraint stock_ledger_position_match_kind,
  add constraint stock_ledger_position_match_kind
    check ((kind = 'claimed' or kind = 'mixed' and units > 0) = (first_position is not null)),
  add constraint stock_ledger_changes_match_kind check (
    case kind
      when 'mixed' then
        returned_units between 0 and cardinality(changes)
        and cardinality(changed_positions) = cardinality(changes)
      else returned_units is null and changed_positions is null and changes is null
    end
  );

alter table operator_log
  drop constraint operator_log_action_known,
  add constraint operator_log_action_known check (
    action in (
      'create_coupon', 'change_coupon', 'archive_coupon', 'unarchive_coupon', 'add_stock', 'release_claim'
    )
  );

-- ---- Parts of the decision functions ------------------------------------------------------------------------------------
-- These have no settings of their own: a decision function calls them under its settings, with the coupon's row locked.
-- Plans are pinned by these settings: planned while claims is empty, a plan would scan the whole table and stay cached while
-- the table grows. Every look-up is by one user or by row ids, never a join that a plan could turn around. Where statistics
-- say that a table is empty, all of its indexes cost the same. So a look-up that two of them could serve is written with
-- `between` and `order by`: only one of them has that order.

-- What became of one command, or of a run of claims, one behind the other in their batch: their positions count up along the
-- run. The claim's state follows from its times: released_at, redeemed_at, expires_at (reserved), else confirmed. claim_id
-- is null where it is the one that was sent. last_claim is the last released one, where the live one is not the one asked
-- for. change is what the ledger records, of the claim at changed_position. saga_state is null where the coupon has no saga,
-- and of a claim that wins.
create type claim_decision_2 as (
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
  last_claim jsonb,
  announced_seq bigint,
  change "char",
  changed_position integer,
  saga_state text
);

-- When a claim that is made now is no longer reserved; null: it is confirmed at once. Only its saga ends one that has a saga.
-- As `immutable` its call would not be replaced by its text, since the sum depends on the time zone.
create function hold_end(in_hold_seconds integer, in_saga text, in_at timestamptz) returns timestamptz
language sql stable as $$
  select case when in_saga is null then in_at + make_interval(secs => in_hold_seconds) else 'infinity' end
$$;

-- A run of claims that win, after the positions given before them.
create function claims_won(
  in_claims integer, in_given bigint, in_claimed_at timestamptz, in_expires_at timestamptz
) returns claim_decision_2 language sql immutable as $$
  select row(
    'claimed', in_claims, null, in_given + 1, in_claimed_at, null, null, in_expires_at, null, null, null, null, null, null,
    null, null, null
  )::claim_decision_2
$$;

create function decision_on_live(in_outcome text, in_claim claims, in_redeemed_at timestamptz)
returns claim_decision_2 language sql immutable as $$
  select row(
    in_outcome, 1, in_claim.claim_id, in_claim.position, in_claim.claimed_at, null, null, in_claim.expires_at,
    in_claim.confirmed_at, in_redeemed_at, null, null, null, null, null, null, null
  )::claim_decision_2
$$;

create function decision_on_released(in_outcome text, in_claim released_claims)
returns claim_decision_2 language sql immutable as $$
  select row(
    in_outcome, 1, in_claim.claim_id, in_claim.position, in_claim.claimed_at, null, null, null, in_claim.confirmed_at,
    null, in_claim.released_at, in_claim.reason, null, null, null, null, null
  )::claim_decision_2
$$;

create function claim_state(expires_at timestamptz, redeemed_at timestamptz, released_at timestamptz)
returns text language sql immutable parallel safe as $$
  select case
    when released_at is not null then 'released'
    when redeemed_at is not null then 'redeemed'
    when expires_at is not null then 'reserved'
    else 'confirmed'
  end
$$;

-- RFC 3339, UTC, with microseconds, whatever the session has set.
create function time_in_json(at timestamptz) returns text language sql stable parallel safe as $$
  select to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;

-- A claim as the operator log and last_claim show it.
create function claim_in_json(in_user_id text, in_claim claim_decision_2) returns jsonb
language sql stable as $$
  select jsonb_strip_nulls(jsonb_build_object(
    'claim_id', in_claim.claim_id,
    'user_id', in_user_id,
    'position', in_claim.position,
    'claimed_at', time_in_json(in_claim.claimed_at),
    'state', claim_state(in_claim.expires_at, in_claim.redeemed_at, in_claim.released_at),
    'expires_at', case when isfinite(in_claim.expires_at) then time_in_json(in_claim.expires_at) end,
    'confirmed_at', time_in_json(in_claim.confirmed_at),
    'released_at', time_in_json(in_claim.released_at),
    'reason', in_claim.reason,
    'saga_state', in_claim.saga_state
  ))
$$;

-- Moves claims to the released ones, all with one reason.
create function release_rows(in_row_ids tid[], in_at timestamptz, in_reason text, in_is_final boolean) returns void
language plpgsql as $$
begin
  with gone as (
    delete from claims c where c.ctid = any (in_row_ids)
    returning c.coupon_id, c.position, c.user_id, c.claim_id, c.claimed_at, c.idempotency_key, c.confirmed_at
  )
  insert into released_claims
    (coupon_id, position, user_id, claim_id, claimed_at, idempotency_key, confirmed_at, released_at, reason, is_final)
  select gone.*, in_at, in_reason, in_is_final from gone;
end
$$;

-- Releases expired holds, at most in_units_max of them, along the positions after in_after_position. Returns their positions,
-- and the position up to which no claim is reserved any more. is_end: no hold that has expired is left. The walk stops at a
-- hold that is in time, since those behind it end later.
create function reclaim_expired(
  in_coupon_id bigint, in_at timestamptz, in_after_position integer, in_units_max integer,
  out positions integer[], out expiry_position integer, out is_end boolean
) language plpgsql as $$
declare
  slice_size constant integer := 200;
  slice record;
begin
  positions := '{}';
  expiry_position := in_after_position;
  is_end := false;
  while cardinality(positions) < in_units_max loop
    select
      count(*) as claims,
      max(w.position) filter (where not w.is_stopped and w.nth_due <= in_units_max - cardinality(positions)) as last_position,
      array_agg(w.row_id) filter (where w.is_released) as row_ids,
      array_agg(w.position order by w.position) filter (where w.is_released) as positions,
      bool_or(w.is_stopped) as is_stopped,
      bool_or(w.is_due and not w.is_stopped and not w.is_released) as is_due_left
    into slice
    from (
      select along.*,
        along.is_due and not along.is_stopped and along.nth_due <= in_units_max - cardinality(positions) as is_released
      from (
        select c.ctid as row_id, c.position, coalesce(c.expires_at <= in_at, false) as is_due,
          count(*) filter (where c.expires_at <= in_at) over so_far as nth_due,
          coalesce(bool_or(c.expires_at > in_at) over so_far, false) as is_stopped
        from (
          select claims.ctid, claims.position, claims.expires_at from claims
          where claims.coupon_id = in_coupon_id and claims.position > reclaim_expired.expiry_position
          order by claims.position
          limit slice_size
        ) c
        window so_far as (order by c.position)
      ) along
    ) w;
    expiry_position := coalesce(slice.last_position, expiry_position);
    if slice.row_ids is not null then
      perform release_rows(slice.row_ids, in_at, 'expired', false);
      positions := positions || slice.positions;
    end if;
    is_end := not coalesce(slice.is_due_left, false) and (coalesce(slice.is_stopped, true) or slice.claims < slice_size);
    exit when is_end;
  end loop;
end
$$;

-- Releases the expired holds of users who claim again, in the order of in_user_ids, and returns their positions. A claim that
-- is sent again keeps its hold. in_kinds is null where all are claims. Nothing is looked up while the first claim that may be
-- reserved is in time, since those behind it end later. Returns null when it released none.
create function reclaim_own(
  in_coupon coupons, in_at timestamptz, in_kinds text[], in_user_ids text[], in_claim_ids uuid[]
) returns integer[] language plpgsql as $$
declare
  row_ids tid[];
  positions integer[];
begin
  if (
    select coalesce(c.expires_at, c.claimed_at + make_interval(secs => in_coupon.hold_seconds)) <= in_at
    from claims c where c.coupon_id = in_coupon.id and c.position > in_coupon.expiry_position
    order by c.position limit 1
  ) then
    select array_agg(own.row_id order by asked.place), array_agg(own.position order by asked.place)
    into row_ids, positions
    from unnest(in_user_ids, in_claim_ids) with ordinality asked (user_id, claim_id, place)
    cross join lateral (
      select c.ctid as row_id, c.position from claims c
      where c.coupon_id = in_coupon.id and c.user_id = asked.user_id and c.expires_at <= in_at
        and c.claim_id <> asked.claim_id
      limit 1
    ) own
    where in_kinds is null or in_kinds[asked.place] = 'claim';
    if row_ids is not null then
      perform release_rows(row_ids, in_at, 'expired', false);
    end if;
  end if;
  return positions;
end
$$;

-- Whether a change that was announced may still come. A process that ends while it waits leaves its announcement behind, and
-- while that counts, no process may refuse claims without the database.
create function is_announced(in_coupon coupons, in_at timestamptz) returns boolean language sql immutable as $$
  select in_coupon.stock_announced and coalesce(in_coupon.announced_at > in_at - interval '1 minute', true)
$$;

-- The number of an announcement that is made now. It is that of the one before, while that still counts.
create function announcement_now(in_coupon coupons, in_at timestamptz) returns bigint language sql immutable as $$
  select in_coupon.announcements + case when is_announced(in_coupon, in_at) then 0 else 1 end
$$;

-- Whether a process may still refuse a claim as sold out after a unit came back now. It may while nothing is left, unless
-- the change was announced: stock_announced has been committed, all snapshots from before that have expired since, and
-- snapshots have not counted again in between. in_announced_seq is the number that the announcement was answered with:
-- announcements rises with each one that follows such a time. Expired holds need no announcement: no snapshot is valid beyond
-- the next possible expiry.
create function needs_announcement(in_coupon coupons, in_announced_seq bigint) returns boolean language sql immutable as $$
  select in_coupon.remaining_amount = 0
    and (not in_coupon.stock_announced or in_announced_seq is distinct from in_coupon.announcements)
$$;

-- No position can be higher.
create function position_max() returns bigint language sql immutable as $$ select 2147483647::bigint $$;

-- The highest position that the coupon has given: each unit that was taken, also when it came back.
create function positions_given(in_coupon coupons) returns bigint language sql immutable as $$
  select in_coupon.amount::bigint - in_coupon.remaining_amount + in_coupon.returned_units
$$;

-- How many units these changes have returned.
create function units_returned(in_changes "char"[]) returns integer language sql immutable as $$
  select cardinality(array_positions(in_changes, 'R')) + cardinality(array_positions(in_changes, 'E'))
$$;

-- Writes down what a batch has changed: its ledger row and the coupon. in_remaining is what is left now; in_positions and
-- in_changes are the claims that were changed; in_asks_for_undo: the batch has asked a saga for its undo. Without any of these
-- it writes nothing, except what must outlast a clock that steps back, an announcement, and how far the walk over expired
-- holds has come.
create function record_batch(
  in_coupon coupons, in_at timestamptz, in_batch_id uuid, in_remaining integer, in_positions integer[],
  in_changes "char"[], in_expiry_position integer, in_announces boolean, in_asks_for_undo boolean
) returns void language plpgsql as $$
declare
  is_mixed constant boolean := cardinality(in_changes) > 0 or in_asks_for_undo;
  returned constant integer := units_returned(in_changes);
  claims integer;
begin
  claims := in_coupon.remaining_amount + returned - in_remaining;
  if claims > 0 or is_mixed then
    update coupons c
    set remaining_amount = in_remaining, ledger_seq = in_coupon.ledger_seq + 1, decided_at = in_at,
      returned_units = in_coupon.returned_units + returned, expiry_position = in_expiry_position,
      stock_announced =
        in_announces or is_announced(in_coupon, in_at) and not coalesce('R' = any (in_changes), false),
      announcements = case when in_announces then announcement_now(in_coupon, in_at) else in_coupon.announcements end,
      announced_at = case when in_announces then in_at else in_coupon.announced_at end
    where c.id = in_coupon.id;
    insert into stock_ledger
      (coupon_id, seq, batch_id, kind, units, first_position, remaining_after, recorded_at, returned_units,
       changed_positions, changes)
    values
      (in_coupon.id, in_coupon.ledger_seq + 1, in_batch_id, case when is_mixed then 'mixed' else 'claimed' end, claims,
       case when claims > 0 then positions_given(in_coupon) + 1 end, in_remaining, in_at,
       case when is_mixed then returned end, case when is_mixed then in_positions end,
       case when is_mixed then in_changes end);
  elsif in_announces or in_expiry_position > in_coupon.expiry_position
    or in_coupon.stock_announced and not is_announced(in_coupon, in_at)
    -- The sale opened or closed since the last decision. Written down, that survives a clock that steps back.
    or coupon_state(in_coupon.opens_at, in_coupon.closes_at, in_coupon.paused, in_at)
      <> coupon_state(in_coupon.opens_at, in_coupon.closes_at, in_coupon.paused, in_coupon.decided_at)
  then
    update coupons c
    set decided_at = in_at, expiry_position = in_expiry_position,
      stock_announced = in_announces or is_announced(in_coupon, in_at),
      announcements = case when in_announces then announcement_now(in_coupon, in_at) else in_coupon.announcements end,
      announced_at = case when in_announces then in_at else in_coupon.announced_at end
    where c.id = in_coupon.id;
  elsif current_setting('synchronous_standby_names') <> '' then
    -- These answers rest on rows of other transactions. A commit of our own makes them wait for the standby as well;
    -- otherwise a failover could lose a claim that was shown here.
    perform pg_logical_emit_message(true, 'firstcome', '');
  end if;
end
$$;

-- Inserts the claims of a batch that simply win, in their order, and returns how many. To be called while the sale is open,
-- there is a unit for each, and no user is in the batch twice. Left out are users with a claim in the table, and those whom a
-- released claim answers or keeps from a new one. in_kinds is null where all are claims. in_looks_back: units came back, so
-- users can have released claims.
create function claim_together(
  in_coupon coupons, in_at timestamptz, in_looks_back boolean, in_kinds text[], in_user_ids text[], in_claim_ids uuid[],
  in_idempotency_keys text[]
) returns integer language plpgsql as $$
declare
  id_of_coupon constant bigint := in_coupon.id;
  given constant bigint := positions_given(in_coupon);
  ends_at constant timestamptz := hold_end(in_coupon.hold_seconds, in_coupon.saga, in_at);
  won integer;
begin
  insert into claims (coupon_id, user_id, position, claim_id, claimed_at, idempotency_key, expires_at)
  select id_of_coupon, asked.user_id, given + row_number() over (order by asked.place), asked.claim_id, in_at,
    asked.idempotency_key, ends_at
  from unnest(in_user_ids, in_claim_ids, in_idempotency_keys)
    with ordinality asked (user_id, claim_id, idempotency_key, place)
  where (in_kinds is null or in_kinds[asked.place] = 'claim')
    and (
      select true from claims c
      where c.coupon_id = id_of_coupon and c.user_id between asked.user_id and asked.user_id order by c.user_id limit 1
    ) is null
    and (
      not in_looks_back
      or (
        select coalesce(
          count(*) < in_coupon.claims_per_user_max
          and not bool_or(
            r.is_final or r.claim_id = asked.claim_id or coalesce(r.idempotency_key = asked.idempotency_key, false)
          ),
          true
        )
        from released_claims r where r.coupon_id = id_of_coupon and r.user_id = asked.user_id
      )
    );
  get diagnostics won = row_count;
  return won;
end
$$;

-- What change_together has changed, with an element for each command in order: null where nothing was changed.
create type changes_together as (
  changes "char"[],
  positions integer[],
  claim_ids uuid[],
  claimed_ats timestamptz[],
  confirmed_ats timestamptz[]
);

-- Confirms, redeems and releases together what simply can be, of users that are in the batch once, where the coupon has no
-- saga. For all others change_claim is to be called.
create function change_together(
  in_coupon coupons, in_at timestamptz, in_may_return boolean, in_kinds text[], in_user_ids text[], in_claim_ids uuid[],
  in_idempotency_keys text[], in_reasons text[], in_finals boolean[]
) returns changes_together language plpgsql as $$
declare
  id_of_coupon constant bigint := in_coupon.id;
  -- Without its id, only the first claim of a user is certainly the one that a release means.
  is_first constant boolean := in_coupon.returned_units = 0;
  made changes_together;
  claim_keys text[];
  rows_to_confirm tid[];
  rows_to_release tid[];
begin
  select array_agg(s.change), array_agg(case when s.change is not null then s.position end), array_agg(s.claim_id),
    array_agg(s.claimed_at), array_agg(s.confirmed_at), array_agg(s.idempotency_key),
    array_agg(s.row_id) filter (where s.change = 'C'), array_agg(s.row_id) filter (where s.change = 'R')
  into made.changes, made.positions, made.claim_ids, made.claimed_ats, made.confirmed_ats, claim_keys, rows_to_confirm,
    rows_to_release
  from (
    select
      case
        when held.claim_id <> asked.claim_id then null
        when asked.kind = 'confirm' and held.expires_at > in_at then 'C'::"char"
        when asked.kind = 'release' and held.expires_at > in_at and in_may_return and not in_finals[asked.place]
          and (is_first or asked.claim_id is not null) then 'R'
        when asked.kind = 'redeem' and held.claim_id is not null and held.expires_at is null
          and (select true from redemptions r where r.coupon_id = id_of_coupon and r.user_id = asked.user_id) is null
          then 'U'
      end as change,
      held.*
    from unnest(in_kinds, in_user_ids, in_claim_ids) with ordinality asked (kind, user_id, claim_id, place)
    left join lateral (
      select c.ctid as row_id, c.position, c.claim_id, c.claimed_at, c.expires_at, c.confirmed_at, c.idempotency_key
      from claims c
      where asked.kind <> 'claim' and c.coupon_id = id_of_coupon and c.user_id between asked.user_id and asked.user_id
      order by c.user_id limit 1
    ) held on true
    order by asked.place
  ) s;

  if rows_to_confirm is not null then
    update claims c set expires_at = null, confirmed_at = in_at where c.ctid = any (rows_to_confirm);
  end if;
  if 'U' = any (made.changes) then
    insert into redemptions (coupon_id, user_id, claim_id, redeemed_at, idempotency_key)
    select id_of_coupon, s.user_id, s.claim_id, in_at, s.sent_key
    from unnest(made.changes, made.claim_ids, in_user_ids, in_idempotency_keys) s (change, claim_id, user_id, sent_key)
    where s.change = 'U';
  end if;
  if rows_to_release is not null then
    insert into released_claims
      (coupon_id, position, user_id, claim_id, claimed_at, idempotency_key, released_at, reason, is_final)
    select id_of_coupon, s.position, s.user_id, s.claim_id, s.claimed_at, s.claim_key, in_at, s.reason, false
    from unnest(made.positions, made.changes, in_user_ids, made.claim_ids, made.claimed_ats, claim_keys, in_reasons)
      s ("position", change, user_id, claim_id, claimed_at, claim_key, reason)
    where s.change = 'R';
    delete from claims c where c.ctid = any (rows_to_release);
  end if;
  return made;
end
$$;

-- The decisions of change_together, one for each command: all null where none was made.
create function decisions_together(in_made changes_together, in_at timestamptz, in_reasons text[])
returns setof claim_decision_2 language sql immutable as $$
  select
    case when made.change is not null then 'changed' end, 1, made.claim_id, made.position, made.claimed_at,
    null::timestamptz, null::integer, null::timestamptz,
    case made.change when 'C' then in_at else made.confirmed_at end,
    case made.change when 'U' then in_at end,
    case made.change when 'R' then in_at end,
    case made.change when 'R' then made.reason end,
    null::jsonb, null::bigint, made.change, made.position, null::text
  from unnest(
    in_made.changes, in_made.positions, in_made.claim_ids, in_made.claimed_ats, in_made.confirmed_ats, in_reasons
  ) made (change, "position", claim_id, claimed_at, confirmed_at, reason)
$$;

-- A confirm, release or redeem as it was sent.
create type claim_change as (
  kind text,
  user_id text,
  claim_id uuid,
  idempotency_key text,
  reason text,
  is_final boolean,
  may_release_confirmed boolean,
  actor text,
  request_id text,
  -- Of the saga that sends it; null for any other caller.
  saga_epoch bigint
);

-- The last claim of a user that was released: the one with this id, or any where that is null; nulls if there is none.
create function last_released(in_coupon_id bigint, in_user_id text, in_claim_id uuid)
returns released_claims language plpgsql as $$
declare
  last released_claims%rowtype;
begin
  select * into last from released_claims r
  where r.coupon_id = in_coupon_id and r.user_id = in_user_id and coalesce(r.claim_id = in_claim_id, true)
  order by r.position desc
  limit 1;
  return last;
end
$$;

-- Logs a release that only an operator may make.
create function log_release(
  in_coupon_name text, in_at timestamptz, in_change claim_change, in_before jsonb, in_after claim_decision_2
) returns void language plpgsql as $$
begin
  insert into operator_log (at, actor, action, coupon_name, before, after, reason, request_id)
  values (
    in_at, in_change.actor, 'release_claim', in_coupon_name, in_before,
    claim_in_json(in_change.user_id, in_after) || jsonb_build_object('final', in_change.is_final),
    in_change.reason, in_change.request_id
  );
end
$$;

-- Decides a change of a claim that was released. A release may still be made final. in_is_new: the hold has expired and was
-- released by this decision.
create function change_released(
  in_coupon coupons, in_at timestamptz, in_claim released_claims, in_is_new boolean, in_change claim_change
) returns claim_decision_2 language plpgsql as $$
declare
  decision claim_decision_2;
begin
  if in_change.kind <> 'release' then
    return decision_on_released(
      case when in_claim.reason = 'expired' then 'hold_expired' else 'claim_released' end, in_claim
    );
  elsif in_change.is_final and not in_change.may_release_confirmed then
    decision.outcome := 'forbidden';
    return decision;
  end if;
  decision := decision_on_released(case when in_is_new then 'changed' else 'unchanged' end, in_claim);
  if in_change.is_final and not in_claim.is_final then
    update released_claims r set is_final = true where r.coupon_id = in_coupon.id and r.position = in_claim.position;
    perform log_release(
      in_coupon.name, in_at, in_change, claim_in_json(in_change.user_id, decision) || '{"final": false}', decision
    );
  end if;
  return decision;
end
$$;

-- Decides a change of a live claim, whose hold has not expired.
create function change_live(
  in_coupon coupons, in_at timestamptz, in_may_return boolean, in_claim claims, in_row_id tid, in_change claim_change
) returns claim_decision_2 language plpgsql as $$
declare
  redemption redemptions%rowtype;
  decision claim_decision_2;
begin
  select * into redemption from redemptions r
  where r.coupon_id = in_coupon.id and r.user_id = in_change.user_id;
  decision := decision_on_live('unchanged', in_claim, redemption.redeemed_at);

  if redemption.redeemed_at is not null then
    decision.outcome := case
      when in_change.kind = 'redeem' and redemption.idempotency_key = in_change.idempotency_key then 'replayed'
      else 'already_redeemed'
    end;
  elsif in_change.kind = 'release' then
    if not in_change.may_release_confirmed and (in_change.is_final or in_claim.expires_at is null) then
      decision.outcome := 'forbidden';
    elsif not in_may_return then
      decision.outcome := 'announced';
      decision.announced_seq := announcement_now(in_coupon, in_at);
    else
      perform release_rows(array[in_row_id], in_at, in_change.reason, in_change.is_final);
      decision := decision_on_released('changed', last_released(in_coupon.id, in_change.user_id, in_claim.claim_id));
      decision.change := 'R';
      if in_change.is_final or in_claim.expires_at is null then
        perform log_release(in_coupon.name, in_at, in_change,
          claim_in_json(in_change.user_id, decision_on_live('changed', in_claim, null)), decision);
      end if;
    end if;
  elsif in_change.kind = 'confirm' and in_claim.expires_at is not null then
    update claims c set expires_at = null, confirmed_at = in_at where c.ctid = in_row_id;
    decision.outcome := 'changed';
    decision.expires_at := null;
    decision.confirmed_at := in_at;
    decision.change := 'C';
  elsif in_change.kind = 'redeem' and in_claim.expires_at is not null then
    decision.outcome := 'not_confirmed';
  elsif in_change.kind = 'redeem' then
    insert into redemptions (coupon_id, user_id, claim_id, redeemed_at, idempotency_key)
    values (in_coupon.id, in_change.user_id, in_claim.claim_id, in_at, in_change.idempotency_key);
    decision.outcome := 'changed';
    decision.redeemed_at := in_at;
    decision.change := 'U';
  end if;
  if decision.change is not null then
    decision.changed_position := in_claim.position;
  end if;
  return decision;
end
$$;

-- Decides one confirm, release or redeem: the outcomes of ChangeClaimOutcome in their order, and 'announced'. An expired
-- hold of the user is released first, whatever the answer. in_may_return: a unit may come back now. Where the coupon has a
-- saga, change_of_saga decides what a saga sends, and change_beside_saga what any other caller may not change.
create function change_claim(
  in_coupon coupons, in_at timestamptz, in_may_return boolean, in_change claim_change
) returns claim_decision_2 language plpgsql as $$
declare
  live claims%rowtype;
  row_id tid;
  expired_position integer;
  last released_claims%rowtype;
  ended released_claims%rowtype;
  decision claim_decision_2;
begin
  if in_change.saga_epoch is not null then
    return change_of_saga(in_coupon, in_at, in_may_return, in_change);
  end if;
  select c.ctid into row_id from claims c
  where c.coupon_id = in_coupon.id and c.user_id between in_change.user_id and in_change.user_id
  order by c.user_id limit 1;
  if found then
    select * into live from claims c where c.ctid = row_id;
  end if;
  if live.expires_at <= in_at then
    perform release_rows(array[row_id], in_at, 'expired', false);
    expired_position := live.position;
    live := null;
  end if;
  last := last_released(in_coupon.id, in_change.user_id, null);
  -- The released claim that is meant, if it is none that is live.
  if in_change.claim_id is null and live.claim_id is null or in_change.claim_id = last.claim_id then
    ended := last;
  elsif in_change.claim_id is distinct from live.claim_id and in_change.claim_id is not null and last.claim_id is not null
  then
    ended := last_released(in_coupon.id, in_change.user_id, in_change.claim_id);
  end if;

  if ended.claim_id is not null then
    decision := change_released(in_coupon, in_at, ended, coalesce(ended.position = expired_position, false), in_change);
  elsif live.claim_id is null and last.claim_id is null then
    decision.outcome := 'claim_not_found';
  elsif in_change.claim_id = live.claim_id
    -- Without its id: a late retry of a release must not end the newer claim.
    or in_change.claim_id is null and (in_change.kind <> 'release' or last.claim_id is null)
  then
    if in_coupon.saga is not null then
      decision := change_beside_saga(in_coupon, in_at, live, in_change);
    end if;
    if decision.outcome is null then
      decision := change_live(in_coupon, in_at, in_may_return, live, row_id, in_change);
    end if;
  else
    if live.claim_id is not null then
      decision := decision_on_live('claim_mismatch', live, (
        select r.redeemed_at from redemptions r where r.coupon_id = in_coupon.id and r.user_id = in_change.user_id
      ));
    end if;
    decision.outcome := 'claim_mismatch';
    if last.claim_id is not null then
      decision.last_claim := claim_in_json(in_change.user_id, decision_on_released('claim_mismatch', last));
      if in_coupon.saga is not null then
        decision.last_claim := decision.last_claim || '{"saga_state": "compensated"}';
      end if;
    end if;
  end if;
  if in_coupon.saga is not null and decision.claim_id is not null then
    decision.saga_state := saga_state_of(in_coupon.id, decision);
  end if;
  decision.claims := 1;
  if expired_position is not null then
    decision.change := 'E';
    decision.changed_position := expired_position;
  end if;
  return decision;
end
$$;

-- ---- Decision functions -------------------------------------------------------------------------------------------------

-- Decides the commands of a batch one by one in their order, where claim_together and change_together have not, and records
-- the batch. in_remaining, in_positions, in_changes and in_expiry_position say what has changed up to here; claims that were
-- made are found by their ids. in_kinds and in_decisions are null where all are claims. in_is_end: no hold that has expired
-- is left. A claim whose saga ends it never expires.
create function decide_in_order(
  in_coupon coupons, in_at timestamptz, in_batch_id uuid, in_may_return boolean, in_kinds text[], in_user_ids text[],
  in_claim_ids uuid[], in_idempotency_keys text[], in_reasons text[], in_finals boolean[], in_may_release_confirmed boolean[],
  in_actors text[], in_request_ids text[], in_saga_epochs bigint[], in_decisions claim_decision_2[], in_remaining integer,
  in_positions integer[], in_changes "char"[], in_expiry_position integer, in_is_end boolean
) returns setof claim_decision_2 language plpgsql as $$
declare
  size constant integer := cardinality(in_user_ids);
  state constant text := coupon_state(in_coupon.opens_at, in_coupon.closes_at, in_coupon.paused, in_at);
  ends_at constant timestamptz := hold_end(in_coupon.hold_seconds, in_coupon.saga, in_at);
  -- The last position given: it grows with each claim, and a unit that comes back leaves it alone.
  given bigint;
  remaining integer := in_remaining;
  positions integer[] := in_positions;
  changes "char"[] := in_changes;
  expiry_position integer := in_expiry_position;
  looks_back boolean := in_coupon.returned_units > 0 or cardinality(in_changes) > 0;
  any_redeemed boolean;
  announces boolean := false;
  decision claim_decision_2;
  held record;
  is_held boolean;
  ended released_claims%rowtype;
  reclaimed record;
  is_end boolean := in_is_end or in_coupon.saga is not null;
  asks_for_undo boolean := false;
begin
  given := positions_given(in_coupon) + in_coupon.remaining_amount + units_returned(in_changes) - in_remaining;
  any_redeemed := exists (select from redemptions r where r.coupon_id = in_coupon.id);

  for i in 1 .. size loop
    -- A change, made together with others or now.
    if in_kinds[i] <> 'claim' then
      if in_kinds[i] = 'not_finished' then
        decision := null;
        decision.outcome := in_kinds[i];
        decision.claims := 1;
      elsif (in_decisions[i]).outcome is not null then
        decision := in_decisions[i];
      else
        decision := change_claim(in_coupon, in_at, in_may_return, row(in_kinds[i], in_user_ids[i], in_claim_ids[i],
          in_idempotency_keys[i], in_reasons[i], in_finals[i], in_may_release_confirmed[i], in_actors[i],
          in_request_ids[i], in_saga_epochs[i])::claim_change);
        if decision.change is not null then
          positions := positions || decision.changed_position;
          changes := changes || decision.change;
          if decision.change in ('R', 'E') then
            remaining := remaining + 1;
            looks_back := true;
          end if;
          any_redeemed := any_redeemed or decision.change = 'U';
        end if;
        announces := announces or decision.outcome = 'announced';
        asks_for_undo := asks_for_undo or decision.outcome = 'undo_requested';
      end if;
      return next decision;
      continue;
    end if;

    -- A claim. Inserted before anything else is read: a user who has one stops here and costs no stock.
    decision := null;
    decision.claims := 1;
    if state = 'open' and remaining > 0 and not looks_back then
      insert into claims (coupon_id, user_id, position, claim_id, claimed_at, idempotency_key, expires_at)
      values (in_coupon.id, in_user_ids[i], given + 1, in_claim_ids[i], in_at, in_idempotency_keys[i], ends_at)
      on conflict on constraint claims_one_per_user do nothing;
      if found then
        remaining := remaining - 1;
        given := given + 1;
        decision.outcome := 'claimed';
        decision.position := given;
        decision.claimed_at := in_at;
        decision.expires_at := ends_at;
        return next decision;
        continue;
      end if;
    end if;

    if looks_back then
      -- This very claim was sent before, in a batch whose answer was lost, and has ended since.
      select * into ended from released_claims r
      where r.coupon_id = in_coupon.id and r.user_id = in_user_ids[i] and r.claim_id = in_claim_ids[i];
      if found then
        decision := decision_on_released('claimed', ended);
        if in_coupon.saga is not null then
          decision.saga_state := saga_state_of(in_coupon.id, decision);
        end if;
        return next decision;
        continue;
      end if;
    end if;

    select c.ctid as row_id, c.* into held from claims c
    where c.coupon_id = in_coupon.id and c.user_id between in_user_ids[i] and in_user_ids[i] order by c.user_id limit 1;
    is_held := found;
    if is_held and held.expires_at <= in_at and held.claim_id <> in_claim_ids[i] then
      -- The user's own hold has expired. It ends here also where the answer is a refusal.
      perform release_rows(array[held.row_id], in_at, 'expired', false);
      positions := positions || held.position::integer;
      changes := changes || 'E'::"char";
      remaining := remaining + 1;
      looks_back := true;
      is_held := false;
    end if;

    if looks_back and in_idempotency_keys[i] is not null then
      select * into ended from released_claims r
      where r.coupon_id = in_coupon.id and r.user_id = in_user_ids[i] and r.idempotency_key = in_idempotency_keys[i]
      order by r.position desc limit 1;
      if found then
        decision := decision_on_released(
          case when ended.reason = 'expired' then 'hold_expired' else 'claim_released' end, ended
        );
        if in_coupon.saga is not null then
          decision.saga_state := saga_state_of(in_coupon.id, decision);
        end if;
        return next decision;
        continue;
      end if;
    end if;

    if is_held then
      decision.outcome := case
        when held.claim_id = in_claim_ids[i] then 'claimed'
        when held.idempotency_key = in_idempotency_keys[i] then 'replayed'
        else 'already_claimed'
      end;
      decision.claim_id := held.claim_id;
      decision.position := held.position;
      decision.claimed_at := held.claimed_at;
      decision.expires_at := held.expires_at;
      decision.confirmed_at := held.confirmed_at;
      if any_redeemed and held.expires_at is null then
        decision.redeemed_at := (
          select r.redeemed_at from redemptions r where r.coupon_id = in_coupon.id and r.user_id = in_user_ids[i]
        );
      end if;
      if in_coupon.saga is not null then
        decision.saga_state := saga_state_of(in_coupon.id, decision);
      end if;
      return next decision;
      continue;
    end if;

    if state = 'open' and remaining = 0 and in_coupon.hold_seconds is not null and not is_end then
      -- Units for the rest of the batch, since each walk costs a read. At its end it is not begun again: no other hold
      -- expires at the time of this batch.
      reclaimed := reclaim_expired(in_coupon.id, in_at, expiry_position, size - i + 1);
      expiry_position := reclaimed.expiry_position;
      is_end := reclaimed.is_end;
      if cardinality(reclaimed.positions) > 0 then
        positions := positions || reclaimed.positions;
        changes := changes || array_fill('E'::"char", array[cardinality(reclaimed.positions)]);
        remaining := remaining + cardinality(reclaimed.positions);
        looks_back := true;
      end if;
    end if;

    if state = 'scheduled' then
      decision.outcome := 'not_open';
      decision.opens_at := in_coupon.opens_at;
      decision.opens_in_seconds := least(ceil(extract(epoch from in_coupon.opens_at - in_at)), 2147483647);
    elsif state <> 'open' then
      decision.outcome := state;
    elsif remaining = 0 then
      decision.outcome := 'sold_out';
    elsif looks_back and (
      select count(*) >= in_coupon.claims_per_user_max or coalesce(bool_or(r.is_final), false)
      from released_claims r where r.coupon_id = in_coupon.id and r.user_id = in_user_ids[i]
    ) then
      decision.outcome := 'claim_limit_reached';
    elsif given >= position_max() then
      decision.outcome := 'no_position';
    else
      insert into claims (coupon_id, user_id, position, claim_id, claimed_at, idempotency_key, expires_at)
      values (in_coupon.id, in_user_ids[i], given + 1, in_claim_ids[i], in_at, in_idempotency_keys[i], ends_at);
      remaining := remaining - 1;
      given := given + 1;
      decision.outcome := 'claimed';
      decision.position := given;
      decision.claimed_at := in_at;
      decision.expires_at := ends_at;
    end if;
    return next decision;
  end loop;

  perform record_batch(in_coupon, in_at, in_batch_id, remaining, positions, changes, expiry_position, announces,
    asks_for_undo);
end
$$;

-- Decides a batch of claims in its order and returns the decisions in that order, one row for each run of claims with the
-- same one. Everything that it writes, it writes in the caller's transaction. No row is returned when the coupon does not
-- exist. in_users_differ: no user is in the batch twice; where that is wrong, the call fails with unique_violation.
create function claim_batch_2(
  in_batch_id uuid, in_coupon_name text, in_user_ids text[], in_claim_ids uuid[], in_idempotency_keys text[],
  in_users_differ boolean
) returns setof claim_decision_2
language plpgsql
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
  size constant integer := cardinality(in_user_ids);
  coupon coupons%rowtype;
  id_of_coupon bigint;
  decision_time timestamptz;
  ends_at timestamptz;
  given bigint;
  is_together boolean;
  won integer := 0;
  remaining integer;
  expiry_position integer;
  positions integer[];
  changes "char"[];
  reclaimed record;
  is_end boolean := false;
begin
  -- The lock comes first: what the statements below see, no other batch of this coupon can change any more.
  select * into coupon from coupons c where c.name = in_coupon_name for update;
  if not found then
    return;
  end if;
  decision_time := greatest(clock_timestamp(), coupon.decided_at);
  is_together := in_users_differ
    and coupon_state(coupon.opens_at, coupon.closes_at, coupon.paused, decision_time) = 'open';
  if coupon.hold_seconds is not null then
    ends_at := hold_end(coupon.hold_seconds, coupon.saga, decision_time);
    if is_together and coupon.saga is null then
      -- Else these users would get their positions after all others.
      positions := reclaim_own(coupon, decision_time, null, in_user_ids, in_claim_ids);
    end if;
  end if;

  if is_together and coupon.returned_units = 0 and size <= coupon.remaining_amount and positions is null then
    -- Nearly every batch of a sale that is on: a unit for each, no user is in it twice, and no claim has ended. Then all who
    -- have no claim win, in order, and one statement writes them in half the time of the loop. This is claim_together and
    -- record_batch without what these batches do not need: each expression takes time.
    is_together := false;
    id_of_coupon := coupon.id;
    given := coupon.amount - coupon.remaining_amount;
    insert into claims (coupon_id, user_id, position, claim_id, claimed_at, idempotency_key, expires_at)
    select id_of_coupon, asked.user_id, given + row_number() over (order by asked.place), asked.claim_id, decision_time,
      asked.idempotency_key, ends_at
    from unnest(in_user_ids, in_claim_ids, in_idempotency_keys)
      with ordinality asked (user_id, claim_id, idempotency_key, place)
    where (
      select true from claims c
      where c.coupon_id = id_of_coupon and c.user_id between asked.user_id and asked.user_id order by c.user_id limit 1
    ) is null;
    get diagnostics won = row_count;
    if won = size then
      update coupons c
      set remaining_amount = coupon.remaining_amount - size, ledger_seq = coupon.ledger_seq + 1, decided_at = decision_time
      where c.id = id_of_coupon;
      insert into stock_ledger (coupon_id, seq, batch_id, kind, units, first_position, remaining_after, recorded_at)
      values
        (id_of_coupon, coupon.ledger_seq + 1, in_batch_id, 'claimed', size, given + 1, coupon.remaining_amount - size,
         decision_time);
      return next claims_won(size, given, decision_time, ends_at);
      return;
    end if;
  end if;

  positions := coalesce(positions, '{}');
  remaining := coupon.remaining_amount - won + cardinality(positions);
  expiry_position := coupon.expiry_position;
  if is_together then
    if remaining < size and coupon.hold_seconds is not null and coupon.saga is null then
      reclaimed := reclaim_expired(coupon.id, decision_time, expiry_position, size - remaining);
      expiry_position := reclaimed.expiry_position;
      is_end := reclaimed.is_end;
      positions := positions || reclaimed.positions;
      remaining := remaining + cardinality(reclaimed.positions);
    end if;
    if size <= remaining and positions_given(coupon) + size <= position_max() then
      won := claim_together(
        coupon, decision_time, coupon.returned_units > 0 or cardinality(positions) > 0, null, in_user_ids, in_claim_ids,
        in_idempotency_keys
      );
      remaining := remaining - won;
    end if;
  end if;
  changes := array_fill('E'::"char", array[cardinality(positions)]);
  if won = size then
    perform record_batch(coupon, decision_time, in_batch_id, remaining, positions, changes, expiry_position, false, false);
    return next claims_won(size, positions_given(coupon), decision_time, ends_at);
    return;
  end if;
  return query select * from decide_in_order(
    coupon, decision_time, in_batch_id, false, null, in_user_ids, in_claim_ids, in_idempotency_keys, null, null, null, null,
    null, null, null, remaining, positions, changes, expiry_position, is_end
  );
end
$$;

-- Decides a batch of claims and changes of claims, as claim_batch_2 does, with one row for each command. in_kinds has
-- 'claim', 'confirm', 'release' or 'redeem' for each. A release of a sold-out coupon is 'announced' unless one of
-- in_announced_seqs still counts; then all of the batch may proceed. in_saga_epochs has the epoch of each change that the saga
-- of the claim sends. While a function of an older release exists, which
-- knows no released claim, each change is 'not_finished'.
create function decide_batch(
  in_batch_id uuid, in_coupon_name text, in_kinds text[], in_user_ids text[], in_claim_ids uuid[],
  in_idempotency_keys text[], in_reasons text[], in_finals boolean[], in_may_release_confirmed boolean[],
  in_announced_seqs bigint[], in_actors text[], in_request_ids text[], in_saga_epochs bigint[], in_users_differ boolean
) returns setof claim_decision_2
language plpgsql
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
  coupon coupons%rowtype;
  decision_time timestamptz;
  may_return boolean := true;
  kinds text[] := in_kinds;
  claims integer;
  remaining integer;
  expiry_position integer;
  positions integer[];
  changes "char"[];
  made changes_together;
  decisions claim_decision_2[];
  reclaimed record;
  is_end boolean := false;
begin
  select * into coupon from coupons c where c.name = in_coupon_name for update;
  if not found then
    return;
  end if;
  decision_time := greatest(clock_timestamp(), coupon.decided_at);
  remaining := coupon.remaining_amount;
  expiry_position := coupon.expiry_position;
  if remaining = 0 and 'release' = any (kinds) then
    may_return := not needs_announcement(coupon, (select max(seq) from unnest(in_announced_seqs) seq));
  end if;
  if coupon.stock_announced and may_return and exists (select from unnest(in_announced_seqs) seq where seq is not null) then
    -- A change comes back after its wait. Whatever becomes of it, its announcement ends: also where its hold has expired
    -- meanwhile, so that it returns no unit. Others that wait announce theirs again.
    update coupons c set stock_announced = false where c.id = coupon.id;
    coupon.stock_announced := false;
  end if;
  -- With the types of its arguments, the name would take longer to look up than a confirm to decide.
  if to_regproc('claim_batch') is not null then
    kinds := array(
      select case k.kind when 'claim' then k.kind else 'not_finished' end
      from unnest(in_kinds) with ordinality k (kind, place) order by k.place
    );
  end if;
  claims := cardinality(array_positions(kinds, 'claim'));

  if in_users_differ and claims > 0
    and coupon_state(coupon.opens_at, coupon.closes_at, coupon.paused, decision_time) = 'open'
  then
    if coupon.hold_seconds is not null and coupon.saga is null then
      positions := reclaim_own(coupon, decision_time, kinds, in_user_ids, in_claim_ids);
      remaining := remaining + coalesce(cardinality(positions), 0);
      if remaining < claims then
        reclaimed := reclaim_expired(coupon.id, decision_time, expiry_position, claims - remaining);
        expiry_position := reclaimed.expiry_position;
        is_end := reclaimed.is_end;
        positions := positions || reclaimed.positions;
        remaining := remaining + cardinality(reclaimed.positions);
      end if;
    end if;
    if claims <= remaining and positions_given(coupon) + claims <= position_max() then
      remaining := remaining - claim_together(
        coupon, decision_time, coupon.returned_units > 0 or coalesce(cardinality(positions) > 0, false), kinds, in_user_ids,
        in_claim_ids, in_idempotency_keys
      );
    elsif 'release' = any (kinds) then
      -- Stock is short, so which claim gets a unit depends on the order.
      in_users_differ := false;
    end if;
  end if;
  if coupon.saga is not null then
    perform lock_sagas(
      coupon.id, in_kinds, in_user_ids, in_claim_ids, in_may_release_confirmed, in_saga_epochs
    );
  elsif in_users_differ then
    made := change_together(
      coupon, decision_time, may_return, kinds, in_user_ids, in_claim_ids, in_idempotency_keys, in_reasons, in_finals
    );
    if claims = 0 and array_position(made.changes, null) is null then
      perform record_batch(
        coupon, decision_time, in_batch_id, remaining + cardinality(array_positions(made.changes, 'R')), made.positions,
        made.changes, expiry_position, false, false
      );
      return query select * from decisions_together(made, decision_time, in_reasons);
      return;
    end if;
    decisions := array(select decision from decisions_together(made, decision_time, in_reasons) decision);
  end if;

  positions := coalesce(positions, '{}');
  changes := array_fill('E'::"char", array[cardinality(positions)]) || array_remove(made.changes, null);
  positions := positions || array_remove(made.positions, null);
  remaining := remaining + coalesce(cardinality(array_positions(made.changes, 'R')), 0);
  return query select * from decide_in_order(
    coupon, decision_time, in_batch_id, may_return, kinds, in_user_ids, in_claim_ids, in_idempotency_keys, in_reasons,
    in_finals, in_may_release_confirmed, in_actors, in_request_ids, in_saga_epochs, decisions, remaining, positions,
    changes, expiry_position, is_end
  );
end
$$;

-- A claim that wins in a multi-coupon batch, with all that is written about it.
create type winning_claim_2 as (
  place integer,
  batch_id uuid,
  coupon_id bigint,
  user_id text,
  claim_id uuid,
  idempotency_key text,
  position integer,
  claimed_at timestamptz,
  expires_at timestamptz,
  looks_back boolean,
  ledger_seq bigint,
  remaining_after integer
);

-- Decides one claim of each of several coupons, each a batch of its own, in one commit. A claim that simply wins is written
-- and returned by its place, counted from 1. All others are left undecided, nothing of them is written, and claim_batch_2
-- decides them: where the user has a claim of the coupon, live or released, where there is no unit, no open sale or no such
-- coupon, and where another session has the coupon's lock, since one busy coupon must not hold up the others. No call waits
-- here, so batches that lock the same coupons in different orders cannot meet in a deadlock.
create function claim_multi_coupon(
  in_batch_ids uuid[], in_coupon_names text[], in_user_ids text[], in_claim_ids uuid[], in_idempotency_keys text[]
) returns table (place integer, "position" integer, claimed_at timestamptz, expires_at timestamptz)
language plpgsql
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
declare
  winners winning_claim_2[];
begin
  select array_agg(
    row(
      asked.place, asked.batch_id, coupon.id, asked.user_id, asked.claim_id, asked.idempotency_key,
      coupon.amount::bigint - coupon.remaining_amount + coupon.returned_units + 1, coupon.decision_time,
      hold_end(coupon.hold_seconds, coupon.saga, coupon.decision_time), coupon.returned_units > 0,
      coupon.ledger_seq + 1, coupon.remaining_amount - 1
    )::winning_claim_2
  )
  into winners
  from unnest(in_batch_ids, in_coupon_names, in_user_ids, in_claim_ids, in_idempotency_keys)
    with ordinality asked (batch_id, coupon_name, user_id, claim_id, idempotency_key, place)
  cross join lateral (
    select c.*, greatest(clock_timestamp(), c.decided_at) as decision_time
    from coupons c where c.name = asked.coupon_name
    for update skip locked
  ) coupon
  where coupon.remaining_amount > 0
    and coupon.amount::bigint - coupon.remaining_amount + coupon.returned_units < position_max()
    and coupon_state(coupon.opens_at, coupon.closes_at, coupon.paused, coupon.decision_time) = 'open';

  -- A statement of its own: it sees every claim that was committed before the locks were granted.
  select array_agg(w) into winners
  from unnest(winners) w
  where (
      select true from claims c
      where c.coupon_id = w.coupon_id and c.user_id between w.user_id and w.user_id order by c.user_id limit 1
    ) is null
    and (
      not w.looks_back
      or (
        select true from released_claims r where r.coupon_id = w.coupon_id and r.user_id = w.user_id limit 1
      ) is null
    );

  insert into claims (coupon_id, user_id, position, claim_id, claimed_at, idempotency_key, expires_at)
  select w.coupon_id, w.user_id, w.position, w.claim_id, w.claimed_at, w.idempotency_key, w.expires_at
  from unnest(winners) w;

  update coupons c
  set remaining_amount = w.remaining_after, ledger_seq = w.ledger_seq, decided_at = w.claimed_at
  from unnest(winners) w
  where c.id = w.coupon_id;

  insert into stock_ledger
    (coupon_id, seq, batch_id, kind, units, first_position, remaining_after, recorded_at)
  select w.coupon_id, w.ledger_seq, w.batch_id, 'claimed', 1, w.position, w.remaining_after, w.claimed_at
  from unnest(winners) w;

  return query select w.place, w.position, w.claimed_at, w.expires_at from unnest(winners) w;
end
$$;

-- Settles a batch whose answer was lost for good. After the commit of this call the batch either had committed before or
-- never will. Returns no row when the coupon does not exist, else settled ('committed' or 'void') with each change that the
-- batch has made, in order: the user, and the claim as the change left it. One row of nulls where it made none.
create function resolve_batch(in_coupon_name text, in_batch_id uuid)
returns table (
  settled text, change "char", user_id text, claim_id uuid, "position" integer, claimed_at timestamptz,
  confirmed_at timestamptz, redeemed_at timestamptz, released_at timestamptz, reason text, saga_state text
)
language plpgsql
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
  coupon coupons%rowtype;
  recorded stock_ledger%rowtype;
begin
  select * into coupon from coupons c where c.name = in_coupon_name for update;
  if not found then
    return;
  end if;
  select * into recorded from stock_ledger l where l.batch_id = in_batch_id;
  if not found then
    insert into stock_ledger
      (coupon_id, seq, batch_id, kind, units, first_position, remaining_after, recorded_at)
    values
      (coupon.id, coupon.ledger_seq + 1, in_batch_id, 'void', 0, null, coupon.remaining_amount,
       greatest(clock_timestamp(), coupon.decided_at));
    update coupons c set ledger_seq = coupon.ledger_seq + 1 where c.id = coupon.id;
  end if;
  settled := case when recorded.kind in ('claimed', 'mixed') then 'committed' else 'void' end;
  return query
    select settled, made.change, found.user_id, found.claim_id, found.position, found.claimed_at, found.confirmed_at,
      case when made.change = 'U' then recorded.recorded_at end,
      case when made.change in ('R', 'E') then found.released_at end,
      case when made.change in ('R', 'E') then found.reason end,
      case when coupon.saga is not null then case made.change when 'R' then 'compensated' else 'done' end end
    from (values (true)) one
    left join unnest(recorded.changes, recorded.changed_positions) with ordinality made (change, "position", place) on true
    left join lateral (
      -- A claim that was confirmed here may have been released since.
      (
        select c.user_id, c.claim_id, c.position, c.claimed_at, c.confirmed_at, null::timestamptz as released_at,
          null as reason
        from claims c
        where c.coupon_id = coupon.id and c.position between made.position and made.position
        order by c.position limit 1
      )
      union all
      (
        select r.user_id, r.claim_id, r.position, r.claimed_at, r.confirmed_at, r.released_at, r.reason
        from released_claims r
        where r.coupon_id = coupon.id and r.position between made.position and made.position
        order by r.position limit 1
      )
    ) found on true
    order by made.place;
end
$$;
