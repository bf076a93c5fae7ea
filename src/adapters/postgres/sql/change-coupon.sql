-- Changes the sale window or the pause, archives the coupon or takes it back, and returns the coupon. Returns no row if
-- there is no such coupon. A member that is not to be set stays as it is. Fails with coupons_window_order or
-- coupons_kept_window_order if the window would end before it begins. The holders are read under the lock that the
-- function has taken.
-- Locks: the coupon's row, in turn with the batches of claims. Indexes: coupons_name_unique, claims_one_per_position.
select id, name, amount, remaining_amount, opens_at, closes_at, paused, archived, state,
  coupon_holders_under_lock(id, $10::integer) as holders
from change_coupon_2(
  $1::text, $2::boolean, $3::timestamptz, $4::boolean, $5::timestamptz, $6::boolean, $7::boolean, $8::text, $9::text
)
