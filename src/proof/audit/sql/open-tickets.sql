-- Opens a cursor on the final states of all tickets, in no order.
-- Locks: none.
declare audited_tickets no scroll cursor for
select
  claim_id::text as claim_id,
  to_char(accepted_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as accepted_at,
  to_char(decided_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as decided_at,
  outcome,
  coupon_id::text as coupon_id,
  user_id,
  position,
  held_claim_id::text as held_claim_id
from tickets
