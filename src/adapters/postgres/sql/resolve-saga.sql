-- Ends the saga $1, if it needs attention, as done (D) or compensated (X): $2, with the note $3, and returns it with its
-- steps. The same resolution again changes nothing. The outcome is null, 'saga_not_found' or 'not_in_attention'; then the
-- rest is null.
-- Locks: the row of the saga. Indexes: sagas_primary_key, coupons_primary_key, saga_definitions_primary_key,
-- saga_steps_primary_key.
select resolved.outcome, view.*, steps_of_saga(resolved.saga) as steps
from resolve_saga($1::uuid, $2::text::"char", $3::text, $4::text, $5::text) resolved
cross join lateral view_saga(resolved.saga) view
where require_durability()
