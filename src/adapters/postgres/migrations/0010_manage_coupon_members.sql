-- why: coupons have holds, a limit per user, a saga, a low stock mark and texts, which operators set, change and read
-- compatible: yes

-- A coupon as its callers see it, at a moment: as coupon_view_2, with the members that a coupon has since. Its holders are
-- read beside it.
create type coupon_view_3 as (
  id bigint,
  name text,
  amount integer,
  remaining_amount integer,
  opens_at timestamptz,
  closes_at timestamptz,
  paused boolean,
  archived boolean,
  state text,
  hold_seconds integer,
  claims_per_user_max integer,
  saga text,
  stock_low_at integer,
  title text,
  description text,
  pause_reason text
);

create function view_coupon_3(in_coupon coupons, in_at timestamptz)
returns coupon_view_3 language sql stable as $$
  select row(
    in_coupon.id, in_coupon.name, in_coupon.amount, in_coupon.remaining_amount,
    case when in_coupon.archived then in_coupon.kept_opens_at else in_coupon.opens_at end,
    case when in_coupon.archived then in_coupon.kept_closes_at else in_coupon.closes_at end,
    case when in_coupon.archived then in_coupon.kept_paused else in_coupon.paused end,
    in_coupon.archived,
    coupon_state(in_coupon.opens_at, in_coupon.closes_at, in_coupon.paused, in_at),
    in_coupon.hold_seconds, in_coupon.claims_per_user_max, in_coupon.saga, in_coupon.stock_low_at,
    in_coupon.title, in_coupon.description, in_coupon.pause_reason
  )::coupon_view_3
$$;

-- What the operator log records of a coupon: as coupon_in_log, with the members that a coupon has since.
create function coupon_in_log_2(in_coupon coupons) returns jsonb
language sql stable as $$
  select coupon_in_log(in_coupon) || jsonb_build_object(
    'hold_seconds', in_coupon.hold_seconds,
    'claims_per_user_max', in_coupon.claims_per_user_max,
    'saga', in_coupon.saga,
    'stock_low_at', in_coupon.stock_low_at,
    'title', in_coupon.title,
    'description', in_coupon.description,
    'pause_reason', in_coupon.pause_reason
  )
$$;

-- Changes a coupon and returns it; no row when there is no such coupon. in_change has the members to change: opens_at,
-- closes_at, paused, archived, title, description, pause_reason. A member that is absent stays as it is; null removes a
-- time or a text. While the coupon is archived, the kept window and pause are changed. The change counts as a decision:
-- nothing decided later is dated before it. It is logged in the same transaction, unless it leaves the coupon as it was.
--
-- coupons_window_order and coupons_kept_window_order refuse a window that ends before it begins.
create function change_coupon_3(in_name text, in_change jsonb, in_actor text, in_request_id text)
returns setof coupon_view_3
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
  logged_before := coupon_in_log_2(coupon);
  to_archive := coalesce((in_change ->> 'archived')::boolean, coupon.archived);
  new_opens_at := case
    when in_change ? 'opens_at' then (in_change ->> 'opens_at')::timestamptz
    when coupon.archived then coupon.kept_opens_at
    else coupon.opens_at
  end;
  new_closes_at := case
    when in_change ? 'closes_at' then (in_change ->> 'closes_at')::timestamptz
    when coupon.archived then coupon.kept_closes_at
    else coupon.closes_at
  end;
  new_paused := coalesce(
    (in_change ->> 'paused')::boolean, case when coupon.archived then coupon.kept_paused else coupon.paused end
  );

  update coupons c
  set archived = to_archive,
      opens_at = case when not to_archive then new_opens_at end,
      closes_at = case when to_archive then timestamptz '1970-01-01 00:00:00Z' else new_closes_at end,
      paused = not to_archive and new_paused,
      kept_opens_at = case when to_archive then new_opens_at end,
      kept_closes_at = case when to_archive then new_closes_at end,
      kept_paused = case when to_archive then new_paused end,
      title = case when in_change ? 'title' then in_change ->> 'title' else c.title end,
      description = case when in_change ? 'description' then in_change ->> 'description' else c.description end,
      pause_reason = case when in_change ? 'pause_reason' then in_change ->> 'pause_reason' else c.pause_reason end,
      decided_at = greatest(clock_timestamp(), c.decided_at)
  where c.id = coupon.id
  returning * into coupon;

  logged_after := coupon_in_log_2(coupon);
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
  return query select * from view_coupon_3(coupon, coupon.decided_at);
end
$$;

-- Adds units once for each batch id, as add_stock_3 does, with the same outcomes, and logs units that it adds.
--
-- Why an addition to a sold out coupon is announced first is explained at add_stock. needs_announcement says how long an
-- announcement counts: confirms and expired holds do not end it, though they write to the ledger. Otherwise they could put
-- off an addition for as long as they go on.
create function add_stock_4(
  in_name text, in_units integer, in_batch_id uuid, in_announced_seq bigint,
  in_actor text, in_request_id text,
  out outcome text, out announced_seq bigint, out coupon coupon_view_3
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
  elsif needs_announcement(offered, in_announced_seq) then
    outcome := 'announced';
    announced_seq := announcement_now(offered, decision_time);
    update coupons c
    set stock_announced = true, announcements = announced_seq, announced_at = decision_time
    where c.id = offered.id;
    return next;
    return;
  else
    outcome := 'added';
    logged_before := coupon_in_log_2(offered);
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
      (decision_time, in_actor, 'add_stock', in_name, logged_before, coupon_in_log_2(offered), in_request_id);
  end if;
  coupon := view_coupon_3(offered, decision_time);
  return next;
end
$$;
