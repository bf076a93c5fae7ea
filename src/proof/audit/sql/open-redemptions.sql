-- Opens a cursor on all redemptions, in no order.
-- Locks: none.
declare audited_redemptions no scroll cursor for
select
  coupon_id::text as coupon_id,
  user_id,
  claim_id::text as claim_id,
  to_char(redeemed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as redeemed_at,
  idempotency_key
from redemptions
