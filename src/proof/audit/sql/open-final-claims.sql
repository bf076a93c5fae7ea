-- Opens a cursor on all claims of a database of an older release, in which a claim is final and has no states.
-- Locks: none.
declare audited_claims no scroll cursor for
select
  coupon_id::text as coupon_id,
  user_id,
  position,
  claim_id::text as claim_id,
  to_char(claimed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as claimed_at,
  idempotency_key
from claims
