-- Reads what a new connection is judged by, before any other statement uses it: one row, always.
-- A standby is in recovery, and what it returns may be old. A primary may refuse writes, as during maintenance.
-- Fails where the tables are missing, as in a database that was replaced.
-- Locks: none.
select installation_identity() as identity,
  pg_is_in_recovery() as in_recovery,
  current_setting('transaction_read_only') = 'on' as read_only
