-- why: a key that has added stock is refused for another number of units, where a repeat would silently add nothing
-- compatible: yes

-- Adds units once for each batch id, as add_stock does, and returns one outcome more: 'key_reused' when this batch id
-- has added another number of units, with the coupon left out. This comes before all other outcomes, so it does not
-- depend on what is left of the coupon. Units that are announced but not added yet are not recorded: of two numbers of
-- units announced under one batch id, the one that is added first counts.
--
-- Why an addition to a sold out coupon is announced first is explained at add_stock.
create function add_stock_2(
  in_name text, in_units integer, in_batch_id uuid, in_announced_seq bigint, in_holders_max integer,
  out outcome text, out announced_seq bigint, out coupon coupon_view
) returns setof record
language plpgsql
set enable_seqscan = off
as $$
declare
  offered coupons%rowtype;
  decision_time timestamptz;
  recorded_units integer;
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
