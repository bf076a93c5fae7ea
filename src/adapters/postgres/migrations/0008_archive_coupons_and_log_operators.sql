-- why: an operator can archive a coupon, and every change by an operator is logged in its own transaction
-- compatible: yes

-- While a coupon is archived, opens_at, closes_at and paused are those of a sale that has ended: every decision function,
-- of this release and of those before, answers 'closed' without reading another column. The window and the pause that the
-- operator has set are kept in the other columns. They are shown, changed and restored.
alter table coupons
  add column archived boolean not null default false,
  add column kept_opens_at timestamptz,
  add column kept_closes_at timestamptz,
  add column kept_paused boolean,
  -- An older process that changes the window of an archived coupon is refused here. It cannot open the sale.
  add constraint coupons_archived_is_closed check (
    not archived
    or opens_at is null and closes_at is not distinct from timestamptz '1970-01-01 00:00:00Z' and not paused
  ),
  add constraint coupons_kept_while_archived check (
    case
      when archived then kept_paused is not null
      else kept_opens_at is null and kept_closes_at is null and kept_paused is null
    end
  ),
  add constraint coupons_kept_window_order check (kept_closes_at > kept_opens_at);

-- What operators did. The ledger stays the record of stock; no decision reads this table.
create table operator_log (
  -- Random, not from a sequence: a sequence may be behind its table after logical replication or an import of rows.
  id uuid not null default gen_random_uuid(),
  at timestamptz not null,
  -- Which key, or which part of the program, the change came with.
  actor text not null
    constraint operator_log_actor_known check (actor in ('admin', 'admin-next', 'anonymous', 'library', 'cli')),
  action text not null
    constraint operator_log_action_known check (
      action in ('create_coupon', 'change_coupon', 'archive_coupon', 'unarchive_coupon', 'add_stock')
    ),
  coupon_name text collate "C" not null,
  -- The coupon before and after the change; null before its creation.
  before jsonb,
  after jsonb not null,
  reason text,
  request_id text,
  constraint operator_log_primary_key primary key (at, id)
);

create function refuse_operator_log_change() returns trigger
language plpgsql as $$
begin
  raise exception 'the operator log is append-only: % is refused', lower(tg_op)
    using errcode = 'object_not_in_prerequisite_state';
end
$$;

create trigger operator_log_append_only
before update or delete or truncate on operator_log
for each statement execute function refuse_operator_log_change();

-- What the operator log records of a coupon. Times are RFC 3339, UTC, whatever the session has set.
create function coupon_in_log(in_coupon coupons) returns jsonb
language sql stable
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
  select jsonb_build_object(
    'amount', in_coupon.amount,
    'remaining_amount', in_coupon.remaining_amount,
    'opens_at', replace(
      to_jsonb(case when in_coupon.archived then in_coupon.kept_opens_at else in_coupon.opens_at end) #>> '{}',
      '+00:00', 'Z'
    ),
    'closes_at', replace(
      to_jsonb(case when in_coupon.archived then in_coupon.kept_closes_at else in_coupon.closes_at end) #>> '{}',
      '+00:00', 'Z'
    ),
    'paused', case when in_coupon.archived then in_coupon.kept_paused else in_coupon.paused end,
    'archived', in_coupon.archived
  )
$$;

-- A coupon as its callers see it, at a moment. An archived one shows the window and the pause that are kept. Its holders
-- are read beside it.
create type coupon_view_2 as (
  id bigint,
  name text,
  amount integer,
  remaining_amount integer,
  opens_at timestamptz,
  closes_at timestamptz,
  paused boolean,
  archived boolean,
  state text
);

create function view_coupon_2(in_coupon coupons, in_at timestamptz)
returns coupon_view_2 language sql stable as $$
  select row(
    in_coupon.id, in_coupon.name, in_coupon.amount, in_coupon.remaining_amount,
    case when in_coupon.archived then in_coupon.kept_opens_at else in_coupon.opens_at end,
    case when in_coupon.archived then in_coupon.kept_closes_at else in_coupon.closes_at end,
    case when in_coupon.archived then in_coupon.kept_paused else in_coupon.paused end,
    in_coupon.archived,
    coupon_state(in_coupon.opens_at, in_coupon.closes_at, in_coupon.paused, in_at)
  )::coupon_view_2
$$;

-- Changes the sale window or the pause of a coupon, archives it or takes it back, and returns it; no row when there is no
-- such coupon. A member that is null or not to be set stays as it is. While the coupon is archived, the kept window and
-- pause are changed. The change counts as a decision: nothing decided later is dated before it. It is logged in the same
-- transaction, unless it leaves the coupon as it was.
--
-- coupons_window_order and coupons_kept_window_order refuse a window that ends before it begins.
create function change_coupon_2(
  in_name text,
  in_set_opens_at boolean, in_opens_at timestamptz,
  in_set_closes_at boolean, in_closes_at timestamptz,
  in_paused boolean,
  in_archived boolean,
  in_actor text, in_request_id text
) returns setof coupon_view_2
language plpgsql
set enable_seqscan = off
as $$
declare
  coupon coupons%rowtype;
  logged_before jsonb;
  logged_after jsonb;
  to_archive boolean;
  new_opens_at timestamptz;
  new_closes_at timestamptz;
  new_paused boolean;
begin
  select * into coupon from coupons c where c.name = in_name for update;
  if not found then
    return;
  end if;
  logged_before := coupon_in_log(coupon);
  to_archive := coalesce(in_archived, coupon.archived);
  new_opens_at := case
    when in_set_opens_at then in_opens_at
    when coupon.archived then coupon.kept_opens_at
    else coupon.opens_at
  end;
  new_closes_at := case
    when in_set_closes_at then in_closes_at
    when coupon.archived then coupon.kept_closes_at
    else coupon.closes_at
  end;
  new_paused := coalesce(in_paused, case when coupon.archived then coupon.kept_paused else coupon.paused end);

  update coupons c
  set archived = to_archive,
      opens_at = case when not to_archive then new_opens_at end,
      closes_at = case when to_archive then timestamptz '1970-01-01 00:00:00Z' else new_closes_at end,
      paused = not to_archive and new_paused,
      kept_opens_at = case when to_archive then new_opens_at end,
      kept_closes_at = case when to_archive then new_closes_at end,
      kept_paused = case when to_archive then new_paused end,
      decided_at = greatest(clock_timestamp(), c.decided_at)
  where c.id = coupon.id
  returning * into coupon;

  logged_after := coupon_in_log(coupon);
  if logged_after <> logged_before then
    insert into operator_log (at, actor, action, coupon_name, before, after, request_id)
    values (
      coupon.decided_at, in_actor,
      case
        when logged_after -> 'archived' = logged_before -> 'archived' then 'change_coupon'
        when to_archive then 'archive_coupon'
        else 'unarchive_coupon'
      end,
      in_name, logged_before, logged_after, in_request_id
    );
  end if;
  return query select * from view_coupon_2(coupon, coupon.decided_at);
end
$$;

-- Adds units once for each batch id, as add_stock_2 does, with the same outcomes, and logs units that it adds.
--
-- Why an addition to a sold out coupon is announced first is explained at add_stock.
create function add_stock_3(
  in_name text, in_units integer, in_batch_id uuid, in_announced_seq bigint,
  in_actor text, in_request_id text,
  out outcome text, out announced_seq bigint, out coupon coupon_view_2
) returns setof record
language plpgsql
set enable_seqscan = off
as $$
declare
  offered coupons%rowtype;
  decision_time timestamptz;
  recorded_units integer;
  logged_before jsonb;
begin
  select * into offered from coupons c where c.name = in_name for update;
  if not found then
    return;
  end if;
  decision_time := greatest(clock_timestamp(), offered.decided_at);
  -- A statement of its own: it sees what was committed before the lock was granted.
  select l.units into recorded_units from stock_ledger l where l.batch_id = in_batch_id;
  if found then
    outcome := case when recorded_units = in_units then 'replayed' else 'key_reused' end;
    if current_setting('synchronous_standby_names') <> '' then
      -- Both answers rest on a row of another transaction. They are sent only when the standby has that row as well.
      perform pg_logical_emit_message(true, 'firstcome', '');
    end if;
    if outcome = 'key_reused' then
      return next;
      return;
    end if;
  elsif offered.amount::bigint + in_units > 2147483647 then
    outcome := 'too_much';
  elsif offered.remaining_amount = 0
    and not (offered.stock_announced and offered.ledger_seq is not distinct from in_announced_seq)
  then
    outcome := 'announced';
    announced_seq := offered.ledger_seq;
    update coupons c set stock_announced = true where c.id = offered.id;
    return next;
    return;
  else
    outcome := 'added';
    logged_before := coupon_in_log(offered);
    update coupons c
    set amount = c.amount + in_units,
        remaining_amount = c.remaining_amount + in_units,
        ledger_seq = c.ledger_seq + 1,
        stock_announced = false,
        decided_at = decision_time
    where c.id = offered.id
    returning * into offered;
    insert into stock_ledger
      (coupon_id, seq, batch_id, kind, units, first_position, remaining_after, recorded_at)
    values
      (offered.id, offered.ledger_seq, in_batch_id, 'stock_added', in_units, null,
       offered.remaining_amount, decision_time);
    insert into operator_log (at, actor, action, coupon_name, before, after, request_id)
    values
      (decision_time, in_actor, 'add_stock', in_name, logged_before, coupon_in_log(offered), in_request_id);
  end if;
  coupon := view_coupon_2(offered, decision_time);
  return next;
end
$$;
