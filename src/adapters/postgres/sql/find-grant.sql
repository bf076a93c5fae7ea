-- Returns a row if the creation with the batch id $1 is stored. Its transaction may have been left while it waited for the
-- standby: the message in the log makes the commit of this statement wait for both.
-- Locks: none. Index: stock_ledger_one_per_batch.
select pg_logical_emit_message(true, 'firstcome', '')
from stock_ledger
where batch_id = $1::uuid and require_primary() and require_durability()
