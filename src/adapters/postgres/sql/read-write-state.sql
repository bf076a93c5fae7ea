-- Shows whether a transaction of this session could write. It could not on a server in recovery, such as a standby, or
-- where the server, the database, the role or the URL makes transactions read-only.
-- Locks: none.
select pg_is_in_recovery() as in_recovery,
  current_setting('transaction_read_only') = 'on' as read_only
