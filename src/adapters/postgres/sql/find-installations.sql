-- Reads which of the names in $2 the schemas in $1 hold, and also every other schema with a ledger of this service.
-- `has_marks`: the schema has such a ledger. A constraint shows it, so no privilege on the table is needed. `tables`
-- are tables, `taken` are objects of any kind. The list of migrations, $3, is readable when it has a column `name` and
-- this role may read it.
-- Locks: none. Index: pg_constraint_conname_nsp_index.
select n.nspname::text as schema,
  array(
    select c.relname::text from pg_class c
    where c.relnamespace = n.oid and c.relname = any ($2::text[]) and c.relkind in ('r', 'p')
  ) as tables,
  array(
    select c.relname::text from pg_class c
    where c.relnamespace = n.oid and c.relname = any ($2::text[])
    order by c.relname
  ) as taken,
  exists (
    select from pg_constraint k
    join pg_class c on c.oid = k.conrelid
    where c.relnamespace = n.oid and c.relname = 'stock_ledger' and k.conname = 'stock_ledger_one_per_batch'
  ) as has_marks,
  coalesce((
    select
      case
        when not exists (
          select from pg_attribute a where a.attrelid = c.oid and a.attname = 'name' and not a.attisdropped
        ) then 'foreign'
        when has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select') then 'readable'
        else 'unreadable'
      end
    from pg_class c
    where c.relnamespace = n.oid and c.relname = $3::text
  ), 'none') as list
from pg_namespace n
where n.nspname = any ($1::text[])
  or n.oid in (select k.connamespace from pg_constraint k where k.conname = 'stock_ledger_one_per_batch')
order by n.nspname
