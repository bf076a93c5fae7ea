-- Reads all coupons. 64-bit numbers and times are texts, which keep all digits. An archived coupon has the sale window and
-- the pause that are kept for it. Reading these as JSON works on a database that has no such columns yet, too.
-- Locks: none.
select
  id::text as id,
  name,
  amount,
  remaining_amount,
  to_char(sale.opens_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as opens_at,
  to_char(sale.closes_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as closes_at,
  sale.paused,
  ledger_seq::text as ledger_seq,
  to_char(decided_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as decided_at,
  to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as created_at,
  (stored ->> 'hold_seconds')::integer as hold_seconds,
  (stored ->> 'claims_per_user_max')::integer as claims_per_user_max,
  stored ->> 'returned_units' as returned_units,
  stored ->> 'saga' as saga,
  (stored ->> 'stock_low_at')::integer as stock_low_at
from coupons
cross join lateral (select to_jsonb(coupons) as stored) as row_as_json
cross join lateral (
  select
    case when stored -> 'archived' = 'true' then (stored ->> 'kept_opens_at')::timestamptz else coupons.opens_at end
      as opens_at,
    case when stored -> 'archived' = 'true' then (stored ->> 'kept_closes_at')::timestamptz else coupons.closes_at end
      as closes_at,
    case when stored -> 'archived' = 'true' then (stored ->> 'kept_paused')::boolean else coupons.paused end
      as paused
) as sale
