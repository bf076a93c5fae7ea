-- Takes the lock for migrations if it is free, and returns whether it did. Otherwise returns the server process that
-- holds it, or null when that has just released it. The session holds the lock until it ends.
-- Locks: the advisory lock $1, which every release takes.
select pg_try_advisory_lock($1::bigint) as is_taken,
  (
    select min(l.pid) from pg_locks l
    join pg_database d on d.oid = l.database
    where l.locktype = 'advisory' and l.granted and d.datname = current_database()
      and l.classid::bigint << 32 | l.objid::bigint = $1::bigint and l.objsubid = 1
  ) as holder
