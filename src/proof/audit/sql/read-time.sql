-- Reads the clock that also decides sale windows. It is the first query of the transaction, so it fixes the snapshot.
-- Returns also whether the server is a standby, which may lack rows of the primary, and whether claims can end in this
-- database: in one of an older release they are final. And whether it knows sagas and tickets.
-- Locks: none.
select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as taken_at,
  pg_is_in_recovery() as in_recovery,
  to_regclass('released_claims') is not null as claims_can_end,
  to_regclass('sagas') is not null as has_sagas,
  to_regclass('tickets') is not null as has_tickets
