-- Settles a batch whose answer was lost: 'void' when it now never can commit, another kind when it had committed, null
-- when there is no such coupon. Asking again gives the same answer.
-- Locks: the coupon's row, so it waits for the lost batch itself if that is still at work.
select void_batch($1::text, $2::uuid) as settled
