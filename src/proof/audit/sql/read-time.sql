-- Tells the time by the clock that also decides sale windows. The first query of the snapshot, which it fixes.
-- Locks: none.
select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as taken_at
