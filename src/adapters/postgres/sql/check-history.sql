-- Returns one row: the identity of this server's run, whether a loss was found on it that no operator has accepted, and the
-- places of those of the acknowledged batches in $1 to $4 that it lacks.
-- Locks: none. Indexes: stock_ledger_one_per_batch, lost_batches_primary_key, lost_batches_not_accepted; for batches that are
-- not in the ledger coupons_name_unique, claims_one_per_position, released_claims_primary_key.
select server_identity() as server,
  is_history_lost() as is_history_lost,
  array(
    select find_missing_batches($1::text[]::uuid[], $2::text[], $3::integer[], $4::text[]::uuid[])
  ) as missing
where require_primary()
