-- Sets the search path of the session to one schema; temporary tables come last.
-- Locks: none.
select set_config('search_path', quote_ident($1) || ', pg_temp', false)
