-- Turns the next ledger rows of the coupons $2, at most $3 of each, into deliveries and sagas, under the lease $1 of the relay.
-- Returns a row for each coupon. A single row in which is_held is false: the lease is not valid, and nothing was written.
-- Locks: the row of the duty; inserts and updates of cursors, deliveries and sagas.
-- Indexes: duties_primary_key, event_cursors_primary_key, coupons_primary_key, stock_ledger_primary_key,
-- claims_one_per_position.
select is_held, coupon_id::text, has_more
from relay_ledger($1::bigint, $2::text[]::bigint[], $3::integer)
