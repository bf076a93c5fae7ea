-- Reads the clock that also decides sale windows. It is the first query of the transaction, so it fixes the snapshot.
-- Locks: none.
select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as taken_at
