-- Opens a cursor on all claims that ended, in no order.
-- Locks: none.
declare audited_released_claims no scroll cursor for
select
  coupon_id::text as coupon_id,
  user_id,
  position,
  claim_id::text as claim_id,
  to_char(claimed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as claimed_at,
  idempotency_key,
  to_char(confirmed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as confirmed_at,
  to_char(released_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as released_at,
  reason,
  is_final
from released_claims
