-- Takes the next due sagas of the shard $1, at most $2, but for those of $3, and ends the right of every earlier process to
-- write. $4 and $5 are the names and versions of the sagas that this process begins.
-- Locks: the rows of the sagas; passes over those that are locked. Indexes: sagas_due, sagas_primary_key, coupons_primary_key.
select saga_id, epoch::text, name, version, claim_id, coupon_name, user_id, "position", claimed_at, is_undoing, step, attempts,
  ms_to_deadline::float8, is_undo_asked
from take_sagas($1::smallint, $2::integer, $3::text[]::uuid[], $4::text[], $5::text[])
