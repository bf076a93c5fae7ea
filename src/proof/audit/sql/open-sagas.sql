-- Opens a cursor on all sagas, in no order. An operator who has resolved one has said what is true outside.
-- Locks: none.
declare audited_sagas no scroll cursor for
select
  saga_id::text as saga_id,
  coupon_id::text as coupon_id,
  position,
  claim_id::text as claim_id,
  user_id,
  state,
  cause,
  saga_id::text in (
    select log.after ->> 'saga_id' from operator_log log where log.action = 'resolve_saga'
  ) as is_resolved
from sagas
