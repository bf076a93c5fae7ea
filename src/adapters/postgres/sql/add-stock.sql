-- Adds units to a coupon once per batch id and returns the outcome with the coupon. Returns no row if there is no such
-- coupon. 'key_reused': this batch id has added another number of units. 'announced': the coupon is sold out, and the
-- addition needs the returned announced_seq; both come without the coupon. An announced_seq that no longer counts is
-- answered by a new one. The holders are read under the lock that the function has taken.
-- Locks: the coupon's row, in turn with the batches of claims.
-- Indexes: coupons_name_unique, stock_ledger_one_per_batch, claims_one_per_position.
select outcome, announced_seq, (coupon).id, (coupon).name, (coupon).amount, (coupon).remaining_amount, (coupon).opens_at,
  (coupon).closes_at, (coupon).paused, (coupon).archived, (coupon).state, (coupon).hold_seconds, (coupon).claims_per_user_max,
  (coupon).saga, (coupon).stock_low_at, (coupon).title, (coupon).description, (coupon).pause_reason,
  coupon_holders_under_lock((coupon).id, $7::integer) as holders
from add_stock_4($1::text, $2::integer, $3::uuid, $4::bigint, $5::text, $6::text)
where require_durability()
