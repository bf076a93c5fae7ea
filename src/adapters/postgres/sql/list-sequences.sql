-- Lists the columns of the tables named in $1 that take their values from a sequence, with the last value that it gave;
-- null if it gave none.
-- Locks: none.
select t.name as table_name, a.attname as column_name,
  pg_sequence_last_value(pg_get_serial_sequence(quote_ident(t.name), a.attname)::regclass)::text as last_value
from unnest($1::text[]) as t (name)
join pg_attribute a on a.attrelid = to_regclass(quote_ident(t.name)) and a.attnum > 0 and not a.attisdropped
where pg_get_serial_sequence(quote_ident(t.name), a.attname) is not null
