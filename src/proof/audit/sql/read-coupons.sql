-- Reads all coupons. 64-bit numbers and times are texts, which keep all digits.
-- Locks: none.
select
  id::text as id,
  name,
  amount,
  remaining_amount,
  to_char(opens_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as opens_at,
  to_char(closes_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as closes_at,
  paused,
  ledger_seq::text as ledger_seq,
  to_char(decided_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as decided_at,
  to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as created_at
from coupons
