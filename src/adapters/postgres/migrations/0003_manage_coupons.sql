-- why: an operator's changes take their turn with the batches of claims, and answer with the coupon as they leave it
-- compatible: yes

-- The users who hold a coupon, in order of position: the first in_holders_max of them. Positions have no gaps, so
-- "the first" is a range of the index.
create function coupon_holders(in_coupon_id bigint, in_holders_max integer)
returns text[] language sql stable as $$
  select array(
    select claims.user_id from claims
    where claims.coupon_id = in_coupon_id and claims.position <= in_holders_max
    order by claims.position
  )
$$;

-- A coupon as its callers see it, at a moment.
create type coupon_view as (
  id bigint,
  name text,
  amount integer,
  remaining_amount integer,
  opens_at timestamptz,
  closes_at timestamptz,
  paused boolean,
  state text,
  holders text[]
);

create function view_coupon(in_coupon coupons, in_at timestamptz, in_holders_max integer)
returns coupon_view language sql stable as $$
  select row(
    in_coupon.id, in_coupon.name, in_coupon.amount, in_coupon.remaining_amount, in_coupon.opens_at,
    in_coupon.closes_at, in_coupon.paused,
    coupon_state(in_coupon.opens_at, in_coupon.closes_at, in_coupon.paused, in_at),
    coupon_holders(in_coupon.id, in_holders_max)
  )::coupon_view
$$;

-- Changes the sale window or the pause of a coupon and returns it; no row when there is no such coupon. The change
-- counts as a decision: nothing decided later is dated before it. coupons_window_order refuses a window that ends
-- before it begins.
create function change_coupon(
  in_name text,
  in_set_opens_at boolean, in_opens_at timestamptz,
  in_set_closes_at boolean, in_closes_at timestamptz,
  in_paused boolean,
  in_holders_max integer
) returns setof coupon_view
language plpgsql
set enable_seqscan = off
as $$
declare
  coupon coupons%rowtype;
begin
  update coupons c
  set opens_at = case when in_set_opens_at then in_opens_at else c.opens_at end,
      closes_at = case when in_set_closes_at then in_closes_at else c.closes_at end,
      paused = coalesce(in_paused, c.paused),
      decided_at = greatest(clock_timestamp(), c.decided_at)
  where c.name = in_name
  returning * into coupon;
  if found then
    -- A statement of its own: it sees every claim that was committed before the lock was granted.
    return query select * from view_coupon(coupon, coupon.decided_at, in_holders_max);
  end if;
end
$$;

-- Adds units once for each batch id and returns the outcome with the coupon as it is after it; no row when there is
-- no such coupon. Outcomes: 'added'; 'replayed' when this batch id is recorded already; 'too_much' when the amount
-- would leave the range of an integer; 'announced' when nothing was added yet, because nothing is left.
--
-- While nothing is left, processes refuse from memory for some time after each look at the stock. So an addition is
-- first announced, which ends such looks, and made by a second call when those from before the announcement have run
-- out too. That call names the announcement by the ledger_seq that was answered. Each addition moves it: whoever
-- announced before another's addition announces again, if all is sold out once more, since looks count again by then.
-- While something is left nobody can refuse from memory, and the units are added at once. How long to wait is the
-- caller's to measure: a clock of this server may step.
create function add_stock(
  in_name text, in_units integer, in_batch_id uuid, in_announced_seq bigint, in_holders_max integer,
  out outcome text, out announced_seq bigint, out coupon coupon_view
) returns setof record
language plpgsql
set enable_seqscan = off
as $$
declare
  offered coupons%rowtype;
  decision_time timestamptz;
begin
  select * into offered from coupons c where c.name = in_name for update;
  if not found then
    return;
  end if;
  decision_time := greatest(clock_timestamp(), offered.decided_at);
  if exists (select from stock_ledger l where l.batch_id = in_batch_id) then
    outcome := 'replayed';
    if current_setting('synchronous_standby_names') <> '' then
      -- What another transaction added is told only when the standby has it as well.
      perform pg_logical_emit_message(true, 'firstcome', '');
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
  end if;
  coupon := view_coupon(offered, decision_time, in_holders_max);
  return next;
end
$$;
