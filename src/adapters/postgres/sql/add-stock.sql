-- Adds units to a coupon once for each batch id, and returns the outcome with the coupon as it is after it; no row
-- when there is no such coupon. 'key_reused', without the coupon: this batch id has added another number of units. To a
-- sold out coupon nothing is added but under the announced_seq of an earlier call: without it, or when it no longer
-- counts, the outcome is 'announced', with a new one and without the coupon.
-- Locks: the coupon's row, in turn with the batches of claims.
-- Indexes: coupons_name_unique, stock_ledger_one_per_batch, claims_one_per_position.
select outcome, announced_seq, (coupon).id, (coupon).name, (coupon).amount, (coupon).remaining_amount, (coupon).opens_at,
  (coupon).closes_at, (coupon).paused, (coupon).state, (coupon).holders
from add_stock_2($1::text, $2::integer, $3::uuid, $4::bigint, $5::integer)
