-- Shows whether the server of a new connection is a primary, whether a transaction could write there, and its timeline,
-- which grows with each promotion. A standby has no timeline of its own and returns null.
-- Locks: none.
select current_setting('transaction_read_only') = 'on' as read_only,
  pg_is_in_recovery() as in_recovery,
  case when not pg_is_in_recovery() then
    ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int
  end as timeline
