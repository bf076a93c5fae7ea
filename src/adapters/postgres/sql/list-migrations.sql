-- Reads the names in the list of migrations, first in the search path, which the caller has set.
-- Locks: none.
select name::text from schema_migrations
