-- why: PostgreSQL reads the text of each check of a table anew for each statement, which took half of the time of a lone claim
-- compatible: yes

-- ---- Coupons ------------------------------------------------------------------------------------------------------------

-- The rules of the columns that a batch of claims that win does not write. As checks of the table they would cost each such batch,
-- which updates the coupon. Rules of what it writes stay checks.
create function check_coupon() returns trigger
language plpgsql as $$
declare
  broken text;
begin
  broken := case
    when not char_length(new.name) between 1 and 255 then 'coupons_name_length'
    when not new.closes_at > new.opens_at then 'coupons_window_order'
    when not new.kept_closes_at > new.kept_opens_at then 'coupons_kept_window_order'
    -- An older process that changes the window of an archived coupon is refused here. It cannot open the sale.
    when new.archived and (
      new.opens_at is not null or new.closes_at is distinct from timestamptz '1970-01-01 00:00:00Z' or new.paused
    ) then 'coupons_archived_is_closed'
    when case
      when new.archived then new.kept_paused is null
      else num_nonnulls(new.kept_opens_at, new.kept_closes_at, new.kept_paused) > 0
    end then 'coupons_kept_while_archived'
    when not new.hold_seconds between 1 and 2592000 then 'coupons_hold_seconds_range'
    when not new.claims_per_user_max between 1 and 100 then 'coupons_claims_per_user_range'
    when not char_length(new.saga) between 1 and 64 then 'coupons_saga_length'
    when new.saga is not null and new.hold_seconds is null then 'coupons_saga_needs_hold'
    when not new.stock_low_at >= 0 then 'coupons_stock_low_at_least_zero'
    when not char_length(new.title) <= 120 then 'coupons_title_length'
    when not char_length(new.description) <= 2000 then 'coupons_description_length'
    when not char_length(new.pause_reason) between 1 and 255 then 'coupons_pause_reason_length'
    when not new.returned_units >= 0 then 'coupons_returned_units_at_least_zero'
    when not new.expiry_position >= 0 then 'coupons_expiry_position_at_least_zero'
  end;
  if broken is not null then
    raise exception 'new row for relation "%" violates "%"', tg_table_name, broken
      using errcode = 'check_violation', constraint = broken, table = tg_table_name, schema = tg_table_schema;
  end if;
  return null;
end
$$;

create trigger coupons_check
  after insert or update of
    name, opens_at, closes_at, paused, archived, kept_opens_at, kept_closes_at, kept_paused, hold_seconds,
    claims_per_user_max, saga, stock_low_at, title, description, pause_reason, returned_units, expiry_position
  on coupons for each row execute function check_coupon();
-- Also for rows that arrive by replication.
alter table coupons enable always trigger coupons_check;

alter table coupons
  drop constraint coupons_name_length,
  drop constraint coupons_window_order,
  drop constraint coupons_kept_window_order,
  drop constraint coupons_archived_is_closed,
  drop constraint coupons_kept_while_archived,
  drop constraint coupons_hold_seconds_range,
  drop constraint coupons_claims_per_user_range,
  drop constraint coupons_saga_length,
  drop constraint coupons_saga_needs_hold,
  drop constraint coupons_stock_low_at_least_zero,
  drop constraint coupons_title_length,
  drop constraint coupons_description_length,
  drop constraint coupons_pause_reason_length,
  drop constraint coupons_returned_units_at_least_zero,
  drop constraint coupons_expiry_position_at_least_zero;

-- ---- Ledger -------------------------------------------------------------------------------------------------------------

-- Whether a ledger row has what its kind demands. The text of a function is read once in a session.
create function ledger_row_matches_kind(
  in_kind text, in_units integer, in_first_position integer, in_returned_units integer, in_changed_positions integer[],
  in_changes "char"[]
) returns boolean
language plpgsql immutable parallel safe as $$
begin
  if in_kind = 'claimed' then
    return in_units >= 1 and in_first_position is not null
      and in_returned_units is null and in_changed_positions is null and in_changes is null;
  end if;
  if in_kind = 'mixed' then
    return in_units >= 0 and (in_units > 0) = (in_first_position is not null)
      and in_returned_units between 0 and cardinality(in_changes)
      and cardinality(in_changed_positions) = cardinality(in_changes);
  end if;
  return case
      when in_kind in ('grant', 'stock_added') then in_units >= 1
      when in_kind in ('void', 'opened', 'closed') then in_units = 0
      else false
    end
    and in_first_position is null
    and in_returned_units is null and in_changed_positions is null and in_changes is null;
end
$$;

alter table stock_ledger
  drop constraint stock_ledger_kind_known,
  drop constraint stock_ledger_units_match_kind,
  drop constraint stock_ledger_position_match_kind,
  drop constraint stock_ledger_changes_match_kind,
  add constraint stock_ledger_matches_kind check (
    ledger_row_matches_kind(kind, units, first_position, returned_units, changed_positions, changes)
  );
