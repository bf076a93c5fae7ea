-- Tells whether a schema is there, before anybody tries to create it.
-- Locks: none.
select to_regnamespace(quote_ident($1)) is not null as exists
