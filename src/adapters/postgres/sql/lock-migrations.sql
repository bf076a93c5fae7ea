-- Waits for the lock under which migrations run, so that what is found out about the schemas still holds when they do.
-- The session keeps it until it ends.
-- Locks: the advisory lock $1, which every release takes.
select pg_advisory_lock($1::bigint)
