-- Reads the names of the applied migrations. The caller has put their schema first in the search path.
-- Locks: none.
select name::text from schema_migrations
