-- Applies the settings that all statements rely on, by names and values, until the session ends. Returns the process id
-- of the server; behind a pooler it differs from the one in the connection's greeting.
-- All names are qualified, because the search path may be any.
-- Locks: none.
select pg_catalog.pg_backend_pid()::pg_catalog.text as backend,
  pg_catalog.count(pg_catalog.set_config(given.name, given.setting, false)) as settings
from rows from (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])) as given (name, setting)
