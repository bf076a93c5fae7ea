-- Changes the sale window or the pause and returns the coupon; no row when there is no such coupon. What is not to be
-- set stays. Fails by coupons_window_order when the window would end before it begins.
-- Locks: the coupon's row, in turn with the batches of claims. Indexes: coupons_name_unique, claims_one_per_position.
select id, name, amount, remaining_amount, opens_at, closes_at, paused, state, holders
from change_coupon(
  $1::text, $2::boolean, $3::timestamptz, $4::boolean, $5::timestamptz, $6::boolean, $7::integer
)
