-- Sets what every statement relies on, by names and values, for as long as the session lives. Tells the process of the
-- server that did so, which differs from the one that answered the connection where a pooler stands in between.
-- Locks: none.
select pg_backend_pid()::text as backend, count(set_config(given.name, given.setting, false)) as settings
from unnest($1::text[], $2::text[]) as given (name, setting)
