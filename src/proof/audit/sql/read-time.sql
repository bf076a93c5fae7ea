-- Reads the clock that also decides sale windows. It is the first query of the transaction, so it fixes the snapshot.
-- Returns also whether the server is a standby, which may lack rows of the primary.
-- Locks: none.
select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as taken_at,
  pg_is_in_recovery() as in_recovery
