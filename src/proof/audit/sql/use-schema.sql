-- Lets the names of tables mean those in one schema for as long as the session lives; temporary tables come last.
-- Locks: none.
select set_config('search_path', quote_ident($1) || ', pg_temp', false)
