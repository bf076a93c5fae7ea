-- Tells the major version of the server, before anything else is asked of it.
-- Locks: none.
select current_setting('server_version_num')::integer / 10000 as major
