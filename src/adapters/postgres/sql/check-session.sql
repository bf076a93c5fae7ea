-- Reads the facts that decide whether a new connection may be used: always one row, before any other statement on it.
-- A standby is in recovery, and its data may be old. A primary may refuse writes, for example during maintenance. `server`
-- and `is_history_lost` are what the guard of the history needs, as in check-history.
-- Fails where the tables are missing, as in a database that was replaced. Marks the session for its whole life as one of a
-- release that calls no function which the migration 0012 drops: see list-older-sessions.
-- Locks: the advisory lock (1718775661, 12), shared.
select installation_identity() as identity,
  pg_is_in_recovery() as in_recovery,
  current_setting('transaction_read_only') = 'on' as read_only,
  server_identity() as server,
  is_history_lost() as is_history_lost,
  pg_try_advisory_lock_shared(1718775661, 12) as is_marked
