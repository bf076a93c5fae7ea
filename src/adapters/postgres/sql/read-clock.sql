-- Reads the clock of the server, in milliseconds since 1970. Fails on a standby.
-- Locks: none.
select floor(extract(epoch from clock_timestamp()) * 1000)::double precision as ms
where require_primary()
