-- Opens a cursor on all steps of sagas that were called, in no order.
-- Locks: none.
declare audited_saga_steps no scroll cursor for
select
  saga_id::text as saga_id,
  step,
  state
from saga_steps
