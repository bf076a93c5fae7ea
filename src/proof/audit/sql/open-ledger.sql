-- Opens a cursor on the whole ledger, in no order. Reading the newest columns as JSON works on a database that has none of
-- them yet, too.
-- Locks: none.
declare audited_ledger no scroll cursor for
select
  coupon_id::text as coupon_id,
  seq::text as seq,
  batch_id::text as batch_id,
  kind,
  units,
  first_position,
  remaining_after,
  to_char(recorded_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as recorded_at,
  to_jsonb(stock_ledger) -> 'returned_units' as returned_units,
  to_jsonb(stock_ledger) -> 'changed_positions' as changed_positions,
  to_jsonb(stock_ledger) -> 'changes' as changes
from stock_ledger
