-- Ends a lease, if it is still the last one, so that another process can acquire the duty at once.
-- Locks: the row of the duty, so it waits for a write of the duty that is under way. Index: duties_primary_key.
update duties
set node = null, held_since = null, expires_at = null
where name = $1::text and epoch = $2::bigint
