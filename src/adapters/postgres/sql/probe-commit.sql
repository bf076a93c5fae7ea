-- Commits a record of the write-ahead log that belongs to no table, so that the commit waits for all that a decision waits for:
-- the disk, and a synchronous standby. Returns whether it has committed. False: the last probe of the process $1 still
-- hangs in its commit; then nothing is written, and there is nothing to wait for.
-- Locks: the advisory lock (1718775662, $1), until the commit is confirmed.
select case when pg_try_advisory_xact_lock(1718775662, $1::integer)
  then pg_logical_emit_message(true, 'firstcome', 'commit probe') is not null
  else false end as is_committed
where require_primary()
