-- Reads the schemas that unqualified names of this session are looked up in, by the role's and the URL's own settings.
-- The function is qualified: the search path decides nothing here.
-- Locks: none.
select pg_catalog.current_schemas(false)::pg_catalog.text[] as schemas
