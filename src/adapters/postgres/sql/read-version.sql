-- Returns the major version of the server; it runs before any statement that needs a certain version.
-- Locks: none.
select current_setting('server_version_num')::integer / 10000 as major
