-- Lists the tables named in $1 that are in the search path, in the order of $1, with the statements that lock one and
-- copy it out and in. The copy names every stored column. Both ends of a copy must get the same rows.
-- Locks: none.
select t.name,
  string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' order by a.attname) as columns,
  format('lock table %s in share mode', t.id) as lock,
  format('copy %s (%s) to stdout', t.id, string_agg(quote_ident(a.attname), ', ' order by a.attname)) as copy_out,
  format('copy %s (%s) from stdin', t.id, string_agg(quote_ident(a.attname), ', ' order by a.attname)) as copy_in,
  format('select exists (select from %s) as has_rows', t.id) as check_rows
from (
  select name, to_regclass(quote_ident(name)) as id, place from unnest($1::text[]) with ordinality as given (name, place)
) t
join pg_attribute a on a.attrelid = t.id and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
group by t.name, t.id, t.place
order by t.place
