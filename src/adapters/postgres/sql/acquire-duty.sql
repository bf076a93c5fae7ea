-- Acquires the lease of a duty if it is free, for $3 milliseconds, and returns its epoch. Returns no row if another process
-- holds it. It never waits: a holder whose write is under way has locked the row.
-- Locks: the row of the duty. Index: duties_primary_key.
update duties
set epoch = epoch + 1, node = $2::text, held_since = clock_timestamp(),
  expires_at = clock_timestamp() + $3::integer * interval '1 millisecond'
where name = (
  select name from duties
  where name = $1::text and (
    expires_at is null or expires_at <= clock_timestamp()
    or expires_at > clock_timestamp() + $3::integer * interval '1 millisecond'
  )
  for update skip locked
)
returning epoch
