-- Sets what every statement relies on, by names and values, for as long as the session lives. Tells the process of the
-- server that did so, which differs from the one that answered the connection where a pooler stands in between.
-- All names are qualified: the search path may be any.
-- Locks: none.
select pg_catalog.pg_backend_pid()::pg_catalog.text as backend,
  pg_catalog.count(pg_catalog.set_config(given.name, given.setting, false)) as settings
from rows from (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])) as given (name, setting)
