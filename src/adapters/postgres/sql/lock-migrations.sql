-- Waits for the lock for migrations, so that the schemas do not change between their check and the migration.
-- The session holds it until it ends.
-- Locks: the advisory lock $1, which every release takes.
select pg_advisory_lock($1::bigint)
