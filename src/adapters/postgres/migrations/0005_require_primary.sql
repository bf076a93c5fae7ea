-- why: a read that reaches a standby must fail, since what it returns may be old
-- compatible: yes

-- Returns true where the statement reads from a primary. On a standby it raises read_only_sql_transaction, as a write
-- there does, so that the caller learns that nothing was read. In a "where" it is a one-time filter: it is evaluated
-- once for each execution, before any row is looked for, and costs no round trip.
--
-- A standby may be promoted while a statement runs. The rows are then those of the standby, before it had caught up.
-- Its transaction is read-only to the end, as one that begins in recovery is, although the default says otherwise.
-- A primary whose default is read-only, as during maintenance, is read from like any other.
create function require_primary() returns boolean
language plpgsql stable parallel safe
as $$
begin
  if pg_is_in_recovery()
    or current_setting('transaction_read_only') = 'on' and current_setting('default_transaction_read_only') = 'off'
  then
    raise exception 'this server is or was in recovery, and what it returns may be old'
      using errcode = 'read_only_sql_transaction', hint = 'Connect to the primary.';
  end if;
  return true;
end
$$;
