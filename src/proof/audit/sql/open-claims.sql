-- Opens a cursor on all claims, in no order: the audit must not trust an index, since a broken one may hide duplicates.
-- A claim that its saga ends has no time of expiry.
-- Locks: none.
declare audited_claims no scroll cursor for
select
  coupon_id::text as coupon_id,
  user_id,
  position,
  claim_id::text as claim_id,
  to_char(claimed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as claimed_at,
  idempotency_key,
  case
    when expires_at = 'infinity' then 'infinity'
    else to_char(expires_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
  end as expires_at,
  to_char(confirmed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as confirmed_at
from claims
