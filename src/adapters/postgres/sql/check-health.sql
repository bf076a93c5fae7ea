-- Returns the identity of the installation, the settings that decide durability, and whether this server can decide
-- claims: it accepts writes and has the functions that this version calls. `is_unfinished`: it still has those of earlier
-- releases. Fails on a standby, and when a function is missing that every session or read needs.
-- Locks: none.
select installation_identity() as identity,
  current_setting('transaction_read_only') = 'off'
  and to_regprocedure('claim_batch_2(uuid, text, text[], uuid[], text[], boolean)') is not null
  and to_regprocedure('claim_multi_coupon(uuid[], text[], text[], uuid[], text[])') is not null
  and to_regprocedure('add_stock_4(text, integer, uuid, bigint, text, text)') is not null
  and to_regprocedure('change_coupon_3(text, jsonb, text, text)') is not null
  and to_regprocedure('require_durability()') is not null as can_decide,
  to_regprocedure('claim_batch(uuid, text, text[], uuid[], text[], boolean)') is not null as is_unfinished,
  current_setting('fsync') as fsync,
  current_setting('synchronous_commit') as synchronous_commit,
  current_setting('synchronous_standby_names') as synchronous_standby_names
where require_primary()
