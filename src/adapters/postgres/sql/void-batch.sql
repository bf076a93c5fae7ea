-- Resolves a batch in doubt. Returns 'void' when the batch can never commit now, another kind when it had committed, and
-- null when there is no such coupon. A repeat returns the same.
-- Locks: the coupon's row, so it waits for the batch itself if that is still running.
select void_batch($1::text, $2::uuid) as settled
