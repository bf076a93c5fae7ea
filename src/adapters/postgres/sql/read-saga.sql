-- Reads the saga $1 with its steps.
-- Locks: none. Indexes: sagas_primary_key, coupons_primary_key, saga_definitions_primary_key, saga_steps_primary_key.
select view.*, steps_of_saga(s) as steps
from sagas s
cross join lateral view_saga(s) view
where require_primary() and s.saga_id = $1::uuid
