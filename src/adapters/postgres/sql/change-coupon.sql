-- Makes a change and returns the coupon. Returns no row if there is no such coupon. $2 has the members to change; one
-- that is absent stays as it is, and null removes a time or a text. Fails with coupons_window_order or
-- coupons_kept_window_order if the window would end before it begins. The holders are read under the lock that the
-- function has taken.
-- Locks: the coupon's row, in turn with the batches of claims. Indexes: coupons_name_unique, claims_one_per_position.
select id, name, amount, remaining_amount, opens_at, closes_at, paused, archived, state,
  hold_seconds, claims_per_user_max, saga, stock_low_at, title, description, pause_reason,
  coupon_holders_under_lock(id, $5::integer) as holders
from change_coupon_3($1::text, $2::jsonb, $3::text, $4::text)
where require_durability()
