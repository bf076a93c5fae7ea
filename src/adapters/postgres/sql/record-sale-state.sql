-- Records in the ledger of the coupon $2 that its sale has opened or closed, under the lease $1 of the relay. False: the lease
-- is not valid, and nothing was written.
-- Locks: the row of the duty, the coupon. Indexes: duties_primary_key, coupons_primary_key, event_cursors_primary_key.
select record_sale_state($1::bigint, $2::bigint) as is_held
