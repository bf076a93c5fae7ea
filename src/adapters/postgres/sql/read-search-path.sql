-- Reads the schemas in which unqualified names are looked up, by the settings of the role and the URL.
-- The function is qualified, so that no search path can replace it.
-- Locks: none.
select pg_catalog.current_schemas(false)::pg_catalog.text[] as schemas
