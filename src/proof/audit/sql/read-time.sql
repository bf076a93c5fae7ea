-- Tells the time by the clock that also decides sale windows. The first query of the snapshot, which it fixes.
-- Returns also whether the server is a standby, which may lack what the primary has.
-- Locks: none.
select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as taken_at,
  pg_is_in_recovery() as in_recovery
