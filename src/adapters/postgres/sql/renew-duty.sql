-- Prolongs a lease to $3 milliseconds from now. Returns no row if it has expired or another process has acquired it.
-- Locks: the row of the duty, so it waits for a write of the duty that is under way. Index: duties_primary_key.
update duties
set expires_at = clock_timestamp() + $3::integer * interval '1 millisecond'
where name = $1::text and epoch = $2::bigint and expires_at > clock_timestamp()
returning epoch
