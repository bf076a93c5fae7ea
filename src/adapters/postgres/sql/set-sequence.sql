-- Sets the sequence of column $2 of table $1 to $3, the last value that it gave. A rollback does not undo this.
-- Locks: none.
select setval(pg_get_serial_sequence(quote_ident($1), $2), $3::bigint)
