-- Returns a row if a session with the process id $1 exists. Fails on a standby.
-- Locks: none.
select pid from pg_stat_activity where pid = $1::integer and require_primary()
