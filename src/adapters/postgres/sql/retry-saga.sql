-- Lets the saga $1 go on if it needs attention, and returns it with its steps. The outcome is null, 'saga_not_found' or
-- 'not_in_attention'; then the rest is null.
-- Locks: the row of the saga. Indexes: sagas_primary_key, coupons_primary_key, saga_definitions_primary_key,
-- saga_steps_primary_key.
select retried.outcome, view.*, steps_of_saga(retried.saga) as steps
from retry_saga($1::uuid, $2::text, $3::text) retried
cross join lateral view_saga(retried.saga) view
where require_durability()
